use std::fmt;

use bytes::Bytes;
use maftia_crypto::SigningKey;
use maftia_threshold::Share;
use maftia_types::{Digest, Epoch, SiteId, Time};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::ceremony::Part;
use super::vault::Vault;
use super::{KeyGroup, KeyRecord, Ordered, VaultError, sessions};
use crate::replication::Effects;

/// One site's half of the keyed services: holds its secrets.
pub struct Site {
    pub(super) me: SiteId,
    pub(super) key: SigningKey,
    pub(super) rng: ChaCha20Rng,
    pub(super) vault: Vault,
    pub(super) part: Part,
    pub(super) sessions: sessions::Part,
    /// Of the ordered state that it saw last.
    epoch: Option<Epoch>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Site({})", self.me)
    }
}

impl Site {
    /// The site half of site `me`, which signs with `key`, from what its vault held last; none if it
    /// never had one. The seed is secret and fresh at every start. A site that will join is numbered
    /// as in [`NextCommittee`](crate::replication::NextCommittee).
    ///
    /// # Errors
    /// [`VaultError`]: the bytes are not this site's vault. Beginning with an empty one would lose
    /// this site's shares.
    pub fn new(
        me: SiteId,
        group: Digest,
        key: SigningKey,
        vault: Option<&[u8]>,
        seed: [u8; 32],
    ) -> Result<Self, VaultError> {
        let vault = match vault {
            Some(bytes) => Vault::open(group, key.public(), bytes)?,
            None => Vault::empty(group, key.public()),
        };
        Ok(Self {
            me,
            key,
            rng: ChaCha20Rng::from_seed(seed),
            vault,
            part: Part::default(),
            sessions: sessions::Part::default(),
            epoch: None,
        })
    }

    /// Does what the ordered state asks of this site. To be called after every commit, and when
    /// [`Site::next_timeout`] has passed.
    pub fn observe(&mut self, now: Time, ordered: &Ordered, out: &mut Effects) {
        if self.attend(ordered) {
            self.observe_ceremonies(now, ordered, out);
            self.observe_sessions(now, ordered, out);
        }
    }

    /// Takes a message from another site.
    pub fn hear(
        &mut self,
        now: Time,
        from: SiteId,
        message: &Bytes,
        ordered: &Ordered,
        out: &mut Effects,
    ) {
        if self.attend(ordered) {
            self.hear_ceremonies(now, from, message, ordered, out);
        }
    }

    /// This site goes by that number from now on: its seat in the epoch that has begun
    /// ([`StateMachine::enter`](crate::replication::StateMachine::enter)), or the one under which it
    /// will join. Its vault stays as it is. Under a number that is not its own it does nothing.
    pub fn renumber(&mut self, me: SiteId) {
        self.me = me;
        self.begin_anew();
    }

    /// This site has no seat in the epoch that has begun, or will not join after all: wipes all its
    /// secrets, here and on its disk. It does nothing from then on, unless it is to join again. To be
    /// called again after a restart, since the power may have failed before the disk was wiped; but
    /// not while the ordered state has not come as far as a joining that is prepared.
    pub fn retire(&mut self, out: &mut Effects) {
        self.begin_anew();
        self.vault.wipe();
        out.vault = Some(self.vault.to_bytes());
    }

    /// When [`Site::observe`] is due although nothing was committed.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        let both = [self.part.next_timeout(), self.sessions.next_timeout()];
        both.into_iter().flatten().min()
    }

    /// This site's share of the version in use; none while the key cannot be used, or if this site
    /// has none. Secret: whoever has a threshold of them has the key.
    #[must_use]
    pub fn share<G: KeyGroup>(&self, record: &KeyRecord) -> Option<Share<G>> {
        self.share_as(self.me, record)
    }

    /// The same, of the site that goes by the number `me` in the record.
    pub(super) fn share_as<G: KeyGroup>(&self, me: SiteId, record: &KeyRecord) -> Option<Share<G>> {
        let version = record.active()?;
        let index = version.index_of(me)?;
        let share = self.vault.share_of(record.id, version)?;
        let share = Share::from_bytes(index, share.as_ref()).ok()?;
        let sharing = version.sharing_in::<G>()?;
        sharing.check(&share).is_ok().then_some(share)
    }

    /// Whether the ordered state concerns this site, by the number it goes by here. Between the end
    /// of an epoch and [`Site::renumber`] it does not, nor before it knows one who joins; acting as
    /// another site would name shares and nonces that are not this one's.
    fn attend(&mut self, ordered: &Ordered) -> bool {
        let setup = ordered.setup();
        let own = setup.key_of(self.me) == Some(self.vault.owner());
        if !own || self.epoch != Some(setup.epoch) {
            self.begin_anew();
            self.epoch = Some(setup.epoch);
        }
        own
    }

    /// Forgets what belongs to an epoch; nonces of the former one are void (corrections 27).
    fn begin_anew(&mut self) {
        self.part = Part::default();
        self.sessions = sessions::Part::default();
    }
}
