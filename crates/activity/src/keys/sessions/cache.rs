use std::collections::BTreeMap;

use maftia_threshold::frost;

use crate::keys::Setup;
use crate::keys::ordered::KEYS_MAX;
use crate::keys::record::{KeyId, Version};

/// The public sides of keys in the form that FROST needs, made once for each version. Follows from
/// the keys, hence is neither compared nor encoded.
#[derive(Default, Debug, Clone)]
pub(super) struct Cache(BTreeMap<KeyId, (u32, frost::Keys)>);

impl Cache {
    /// The key's form; none if it is another scheme's.
    pub(super) fn keys(
        &mut self,
        setup: &Setup,
        key: KeyId,
        version: &Version,
    ) -> Option<&frost::Keys> {
        let known = self.0.get(&key);
        if known.is_none_or(|(number, _)| *number != version.number) {
            let sharing = version.sharing_in()?;
            let keys = frost::Keys::new(setup.scope(), sharing).ok()?;
            if self.0.len() >= KEYS_MAX {
                self.0.clear();
            }
            self.0.insert(key, (version.number, keys));
        }
        self.0.get(&key).map(|(_, keys)| keys)
    }
}

impl PartialEq for Cache {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Cache {}
