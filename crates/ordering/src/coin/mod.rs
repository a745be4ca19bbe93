//! The common coin, as the engine sees it: who leads a round of the A rule, known to nobody before
//! a quorum has come to the round that reveals it (`protocols.md` §2.4).
//!
//! # Guarantees
//! - *Agreement*: a round has one value, whoever combines it from whatever shares.
//! - *Unpredictability*: without the shares of q sites, of which q − f are correct and release
//!   theirs only in a block four rounds above, nobody knows it.
//! - *Availability*: every correct site releases its share of every round: in its block four rounds
//!   above, or, if it made none, in its next one, or on request.
//!
//! # Model
//! That of the key: for [`BlsCoin`] those of threshold BLS signatures, with threshold q.
//!
//! # Intuition
//! The value is the one signature of the group on the round's number. What leaders must not know is
//! fixed before anybody can sign it.
//!
//! # Messages
//! | message | asserts about its sender |
//! |---|---|
//! | shares in a [`Header`](crate::Header) | "my share of this round"; a bad one convicts, as the block is signed |
//! | [`Message::CoinQuery`](crate::Message::CoinQuery) | nothing |
//! | [`Message::CoinShares`](crate::Message::CoinShares) | "my shares"; a bad one is the link's peer's fault |
//!
//! # Rules
//! 1. A block of round R carries its author's share of R − 4, and of the rounds whose block the
//!    author did not make, newest first, at most [`COIN_SHARES_MAX`] (V7: format only). In the rows
//!    without twins waves are shorter, and all these fours are threes.
//! 2. Upon needing a readable round's coin: combine the first q shares and check the result; if it is
//!    wrong, check each, drop the bad ones, blame their authors, go on with the others.
//! 3. Upon lacking shares of a readable round: ask all; again at doubling distance.
//! 4. Upon a query: answer own shares of the rounds at least four below the last own block.
//!
//! # Bounds
//! Shares and values of undecided rounds only; one share per round and site.
//!
//! # Deviations
//! None. Shares are kept from the first block of an author that carries them: a twin's others are
//! not looked at.
//!
//! # Complexity
//! One signature and n − 1 received shares a round; two pairings per coin that is needed.
//!
//! # Duties of the caller
//! A key per epoch: what is signed names the epoch and the round, not more. A share that comes late
//! ([`Engine::hold_coin`](crate::Engine::hold_coin)): others may be waiting for it.

mod bls;
mod exchange;
mod reconstruct;
#[cfg(any(test, feature = "danger-simulated-coin"))]
mod simulated;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::Domain;
use maftia_types::{Digest, Round, SiteId, SiteSet};

pub use bls::BlsCoin;
pub(crate) use reconstruct::Coins;
#[cfg(any(test, feature = "danger-simulated-coin"))]
pub use simulated::SimulatedCoin;

/// Most shares in a header, a query or an answer: a member that missed more rounds is asked for the
/// rest (correction 14).
pub const COIN_SHARES_MAX: usize = 32;

/// The bytes of a share: a point of G1.
pub type ShareBytes = [u8; 48];

/// A site's share of one round's coin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoinShare {
    /// The round.
    pub round: Round,
    /// The share. Whether it is good shows when it is combined.
    pub share: ShareBytes,
}

/// The value of a round's coin: 64 bytes that look random to who lacks the shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoinValue(pub [u8; 64]);

/// What combining shares has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reconstruction {
    /// The value, if there were enough good shares.
    pub value: Option<CoinValue>,
    /// Whose shares are bad, as far as they were looked at.
    pub culprits: SiteSet,
}

/// A key for coins that the sites of one epoch share, with threshold q.
pub trait CoinKey: Debug + Send + Sync {
    /// Whether this site holds a share of the key.
    fn is_held(&self) -> bool;

    /// This site's share of a round's coin; none if it holds no share of the key.
    fn share(&self, round: Round) -> Option<ShareBytes>;

    /// The coin of a round, from the first shares that make it. Checked: a value is the value.
    /// Deterministic in the shares.
    fn combine(&self, round: Round, shares: &BTreeMap<SiteId, ShareBytes>) -> Reconstruction;
}

/// The coin of an epoch: a handle to its key.
#[derive(Clone, Debug)]
pub struct Coin(Arc<dyn CoinKey>);

impl Coin {
    /// The coin of this key.
    pub fn new(key: impl CoinKey + 'static) -> Self {
        Self(Arc::new(key))
    }

    /// Whether this site holds a share of its key.
    pub fn is_held(&self) -> bool {
        self.0.is_held()
    }

    pub(crate) fn key(&self) -> &dyn CoinKey {
        self.0.as_ref()
    }
}

const SEED: Domain = Domain::new("leader schedule seed");

impl CoinValue {
    /// What known leaders are drawn from, once this is an anchor's coin.
    pub(crate) fn schedule_seed(&self) -> Digest {
        SEED.digest(&self.0)
    }

    /// The leader it names among `sites`: the value as a big-endian number, modulo their number
    /// (correction 4).
    ///
    /// # Panics
    /// If there are no sites.
    pub fn leader(&self, sites: usize) -> SiteId {
        let sites = sites as u64;
        let digit = |rest: u64, byte: &u8| (rest * 256 + u64::from(*byte)) % sites;
        let index = self.0.iter().fold(0, digit);
        let index = u8::try_from(index).ok().and_then(SiteId::new);
        index.expect("a group has at most as many sites as there are ids")
    }
}

impl Wire for CoinShare {
    fn encode(&self, writer: &mut Writer) {
        writer.round(self.round);
        writer.raw(&self.share);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            round: reader.round()?,
            share: reader.array()?,
        })
    }
}
