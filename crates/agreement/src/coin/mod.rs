//! Coins: a random number that nobody knows before it is safe to know it.
//!
//! # Guarantees
//! Of [`ThresholdCoin`], a *strong common* coin:
//! - *Agreement*: all correct sites see the same value.
//! - *Unpredictability*: nobody knows it before a correct site has released its share; in a group
//!   with threshold q, before q − f correct ones have.
//! - *Unbiased*: the value is the hash of a unique signature; whoever comes last changes nothing.
//! - *Termination*: once q correct sites have released, all see it; bad shares are found and blamed.
//!
//! Of [`LocalCoin`]: a value of its own at each site, unknown to the others. With no message at all,
//! and no key; agreement over it needs more rounds and another rule.
//!
//! # Model
//! n ≥ 3f + 2c + 1, authenticated links that deliver in the end. [`ThresholdCoin`]: a BLS key shared
//! among the sites at q, and what `maftia_threshold::bls` assumes.
//!
//! # Intuition
//! The signature of a shared key on the coin's name exists once the name does, and is known to no
//! one until enough have signed.
//!
//! # Messages
//! A share asserts: whatever the coin must not influence is fixed at my site. By type: a share is
//! made from a [`Bound`], which the protocols of this crate make only once that is so (row A4).
//!
//! # Rules
//! - T1 upon release: the share to all.
//! - T2 upon enough shares: combine, check the *result*; only if it is wrong, look at the shares and
//!   blame their sites.
//!
//! # Bounds
//! One share of each site; whose share was bad has no other.
//!
//! # Deviations
//! \[CKS00\] proves each share; here the result is checked first, which costs one check of two
//! pairings instead of q.
//!
//! # Complexity
//! One step, n² messages of 48 bytes.
//!
//! # Duties of the caller
//! A name is used once. For [`Flip`] outside this crate: nothing that the coin must not influence is
//! open when it is released.
//!
//! # Sources
//! \[CKS00 §4\], \[Bol03\]; \[Ben83\] for the local coin.

use std::collections::BTreeMap;
use std::fmt::Debug;

use maftia_codec::Wire;
use maftia_types::{Digest, SiteId, SiteSet};

mod flip;
mod local;
mod service;
mod threshold;

pub use flip::Flip;
pub use local::{LocalCoin, NoShare};
pub use service::{AlreadyReleased, CommonCoin};
pub use threshold::ThresholdCoin;

/// A source of coins. One serves many names; the same name gives the same value.
pub trait Coin {
    /// What a site contributes.
    type Share: Clone + PartialEq + Debug + Wire;

    /// Whether all correct sites see the same value.
    const IS_COMMON: bool;

    /// The most rounds that an agreement over this coin may take. A bound on memory; that it is
    /// reached is as unlikely as its documentation says.
    const ROUNDS_MAX: u32;

    /// This site's share; none if nothing need be sent.
    fn share(&self, name: &Digest) -> Option<Self::Share>;

    /// What shares of distinct sites give.
    fn toss(&self, name: &Digest, shares: &BTreeMap<SiteId, Self::Share>) -> Toss;
}

/// What shares give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Toss {
    /// The value, if there are enough good ones.
    pub value: Option<Digest>,
    /// Whose are bad, as far as one had to look.
    pub culprits: SiteSet,
}

/// What the coin must not influence is fixed: the right to release a share.
#[derive(Debug)]
pub struct Bound(());

impl Bound {
    pub(crate) const fn fixed() -> Self {
        Self(())
    }

    /// For a coin on whose value nothing depends that is still open. That is the caller's claim.
    pub const fn nothing_is_open() -> Self {
        Self(())
    }
}
