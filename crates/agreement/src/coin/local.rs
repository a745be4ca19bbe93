use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher};
use maftia_types::{Digest, SiteId, SiteSet};
use zeroize::Zeroizing;

use super::{Coin, Toss};

const VALUE: Domain = Domain::new("local coin");

/// A coin of this site alone, drawn from a secret so that a restart does not toss again.
pub struct LocalCoin {
    secret: Zeroizing<[u8; 32]>,
}

/// What a local coin has instead of shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoShare;

impl LocalCoin {
    /// Draws from a secret of this site: 32 random bytes that it keeps.
    pub const fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self { secret }
    }
}

impl Coin for LocalCoin {
    type Share = NoShare;

    const IS_COMMON: bool = false;

    /// With four sites of which one is intruded, three coins fall alike in a quarter of the rounds:
    /// 1024 are reached in (3/4)^1024 < 10^-127 of runs. With seven (five coins, 1/16): 10^-28. With
    /// ten (1/64): 10^-7, which is the end of what local coins are good for.
    const ROUNDS_MAX: u32 = 1024;

    fn share(&self, _: &Digest) -> Option<NoShare> {
        None
    }

    fn toss(&self, name: &Digest, _: &BTreeMap<SiteId, NoShare>) -> Toss {
        let mut hasher = Hasher::new(VALUE);
        hasher
            .update(self.secret.as_slice())
            .update(name.as_bytes());
        Toss {
            value: Some(hasher.finish()),
            culprits: SiteSet::EMPTY,
        }
    }
}

impl Wire for NoShare {
    fn encode(&self, _: &mut Writer) {}

    fn decode(_: &mut Reader) -> Result<Self, DecodeError> {
        Err(DecodeError::Invalid { field: "share" })
    }
}
