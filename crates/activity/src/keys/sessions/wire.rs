use std::collections::BTreeMap;

use maftia_codec::DecodeError;

/// Adds an entry that was read behind those read before: one state has one encoding.
pub(in crate::keys) fn put_in_order<K: Ord, V>(
    map: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    field: &'static str,
) -> Result<(), DecodeError> {
    if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
        return Err(DecodeError::Invalid { field });
    }
    map.insert(key, value);
    Ok(())
}
