use bytes::Bytes;
use maftia_codec::{Wire, Writer};
use maftia_replica::items;

/// What decodes is the one encoding of its value.
pub(crate) fn canonical<T: Wire>(bytes: &[u8]) -> bool {
    let Ok(value) = T::from_bytes(Bytes::copy_from_slice(bytes)) else {
        return false;
    };
    assert_eq!(value.to_bytes(), bytes, "two encodings of one value");
    true
}

/// A payload reads as items up to the first malformed one, so that what was read is a prefix.
pub(crate) fn payload(bytes: &[u8]) -> bool {
    let mut writer = Writer::new();
    items(&Bytes::copy_from_slice(bytes)).for_each(|item| item.encode(&mut writer));
    let read = writer.finish();
    assert!(bytes.starts_with(&read), "two encodings of one item");
    read.len() == bytes.len()
}
