//! The key of the coin that names leaders where known ones would not do (`protocols.md` §2.4).
//!
//! # Guarantees
//! - **One sharing an epoch.** The coin of an epoch is the sharing with which the epoch began: what
//!   a client asks never changes it, since shares of two versions do not combine, and a site that
//!   starts again in the middle of the epoch finds it in the state of any commit of that epoch.
//! - **For nothing else.** The tag is that of [`Purpose::Coin`], and no request of a client is
//!   answered with this key: whoever could ask would know leaders too early.
//!
//! A key whose first sharing is in use has not been a coin yet. It becomes one when an epoch ends,
//! as the change shares it anew: so the number of its version tells the two apart.

use maftia_threshold::bls::{Purpose, Tag};
use maftia_threshold::{Bls12381G2, Share, Sharing};
use maftia_types::{CoinUse, Digest, SiteId};

use super::{GENESIS_KEYS, KeyRecord, Ordered, Scheme, Site, State};

/// The coin's name and scheme.
pub const COIN_KEY: (&str, Scheme) = ("coin", Scheme::Coin);

/// The keys that a group makes by itself when it starts. The coin is the last: see
/// [`Ordered::has_idle_coin`].
#[must_use]
pub fn genesis_keys(coin: CoinUse) -> Vec<(&'static str, Scheme)> {
    let coin = Some(COIN_KEY).filter(|_| coin.needs_key());
    GENESIS_KEYS.iter().copied().chain(coin).collect()
}

/// What coins of that group are signed under.
///
/// # Panics
/// Never: a digest in hexadecimal is a name.
#[must_use]
pub fn tag(group: &Digest) -> Tag {
    let name = group.to_string();
    Tag::new(&name, Purpose::Coin).expect("a digest in hexadecimal has 64 characters")
}

impl Ordered {
    /// The sharing of the present epoch's coin; none if it has no coin.
    #[must_use]
    pub fn coin(&self) -> Option<&Sharing<Bls12381G2>> {
        let version = self.epochs_coin()?.active()?;
        version.sharing_in()
    }

    /// Whether there is a coin that the present epoch does not use, and nothing more urgent: an end
    /// of the epoch would stop the ceremonies of the other keys with which the group begins. Those
    /// are the older ones; what clients have made since is not waited for.
    #[must_use]
    pub fn has_idle_coin(&self) -> bool {
        let Some(coin) = self.coin_record().filter(|own| is_first(own)) else {
            return false;
        };
        let mut older = self.keys().take_while(|own| own.id < coin.id);
        older.all(|own| own.state != State::Generating)
    }

    fn epochs_coin(&self) -> Option<&KeyRecord> {
        self.coin_record().filter(|own| !is_first(own))
    }

    fn coin_record(&self) -> Option<&KeyRecord> {
        let mut keys = self.keys();
        keys.find(|own| own.scheme == Scheme::Coin && own.active().is_some())
    }
}

/// Whether no epoch has begun with this sharing.
fn is_first(record: &KeyRecord) -> bool {
    record.active().is_some_and(|version| version.number == 0)
}

impl Site {
    /// The share of the present epoch's coin that this site holds as site `me`. Secret.
    #[must_use]
    pub fn coin_share(&self, me: SiteId, ordered: &Ordered) -> Option<Share<Bls12381G2>> {
        self.share_as(me, ordered.epochs_coin()?)
    }
}

#[cfg(test)]
mod tests;
