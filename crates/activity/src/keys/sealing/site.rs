use maftia_codec::Wire as _;
use maftia_threshold::tdh2::{Ciphertext, Opener};
use maftia_threshold::{Ristretto255, Share};
use maftia_types::{Digest, SiteId};
use rand::CryptoRng;

use super::envelope::Binding;
use super::{Opening, check, keys, scope};
use crate::keys::record::{KeyId, Version};
use crate::keys::sessions::SessionId;

impl Opening {
    /// A site's share, sealed to the reader. Nothing can take it back.
    pub(in crate::keys) fn sealed_share(
        &self,
        (group, from): (Digest, SiteId),
        (session, key): (SessionId, KeyId),
        (version, share): (&Version, Share<Ristretto255>),
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        let keys = keys(group, version)?;
        let ciphertext = Ciphertext::from_bytes(self.ciphertext.clone()).ok()?;
        let checked = check(keys.encryption_key(), ciphertext).ok()?;
        let share = Opener::new(keys, share).ok()?.decrypt_share(&checked, rng);
        let binding = Binding {
            scope: &scope(group, version.number),
            key,
            session,
            ciphertext: checked.digest(),
            from,
        };
        Some(self.to.seal(binding, &share.to_bytes(), rng))
    }
}
