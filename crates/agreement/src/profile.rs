//! The services in two traditions, with the same code under both.
//!
//! | | [`lisbon`] | [`sintra`] |
//! |---|---|---|
//! | authenticity | of the links (MACs of the channel) | of the links, and signatures |
//! | consistent broadcast | [`Echo`](crate::consistent::Echo) | [`Verifiable`](crate::consistent::Verifiable): transferable |
//! | coin | each site's own, or of a shared key | of a shared key |
//! | set-up | a key for each pair of sites, by the links | the same, and a key ceremony |
//! | binary agreement, expected rounds | 1 if all propose alike; exponential in n against the worst scheduler, few in practice | at most 4 |
//! | quantum computers | break nothing but the links' handshake | break the coin and certificates |
//!
//! The Lisbon tradition (RITAS, \[CNV06\]) avoids public-key cryptography for its cost; the other
//! (SINTRA, \[CKPS01\]) buys constant rounds and transferable proofs with it. `tests/it/traditions.rs`
//! puts steps, messages, bytes and time side by side. What differs is the coin and the form of
//! consistent broadcast; reliable broadcast is the same, and everything else is generic in the coin.

/// No signatures.
pub mod lisbon {
    use crate::coin::{LocalCoin, ThresholdCoin};
    use crate::{binary, consistent, multivalued, reliable, validated, vector};

    /// Binary agreement over local coins.
    pub type Binary = binary::Agreement<LocalCoin>;
    /// Binary agreement over a shared coin: the only key besides the links'.
    pub type BinarySharedCoin = binary::Agreement<ThresholdCoin>;
    /// Consistent broadcast.
    pub type Consistent = consistent::Echo;
    /// Multi-valued agreement.
    pub type Multivalued = multivalued::Multivalued<LocalCoin>;
    /// Reliable broadcast.
    pub type Reliable = reliable::Broadcast;
    /// Validated agreement.
    pub type Validated = validated::Validated<LocalCoin>;
    /// Vector consensus.
    pub type Vector = vector::Vector<LocalCoin>;
}

/// Threshold cryptography.
pub mod sintra {
    use crate::coin::{CommonCoin, ThresholdCoin};
    use crate::{binary, consistent, multivalued, reliable, validated, vector};

    /// Binary agreement.
    pub type Binary = binary::Agreement<ThresholdCoin>;
    /// The coin as a service.
    pub type Coin = CommonCoin<ThresholdCoin>;
    /// Verifiable consistent broadcast with certificates of 48 bytes.
    pub type Consistent = consistent::Verifiable<consistent::SharedKeyCertifier>;
    /// Multi-valued agreement.
    pub type Multivalued = multivalued::Multivalued<ThresholdCoin>;
    /// Reliable broadcast.
    pub type Reliable = reliable::Broadcast;
    /// Validated agreement.
    pub type Validated = validated::Validated<ThresholdCoin>;
    /// Vector consensus.
    pub type Vector = vector::Vector<ThresholdCoin>;
}
