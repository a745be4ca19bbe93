use bytes::Bytes;
use maftia_verify::{GroupKey, entry as verify};

const PRESENT: &[u8] = include_bytes!("../../verify/testdata/present.proof");
const ABSENT: &[u8] = include_bytes!("../../verify/testdata/absent.proof");
const KEY: &str = include_str!("../../verify/testdata/group.key");

/// What is accepted is a seed, but for the key that is absent; whatever else is refused.
pub(crate) fn entry(bytes: &[u8]) -> bool {
    let key = GroupKey::from_hex(KEY).expect("the key of the seeds");
    match verify(bytes, &key) {
        Ok(proven) => {
            let forged = proven.entry.is_some() && bytes != PRESENT;
            assert!(!forged, "a forged proof was accepted");
            true
        }
        Err(_) => false,
    }
}

pub(crate) fn seeds() -> Vec<Bytes> {
    [PRESENT, ABSENT].map(Bytes::from_static).to_vec()
}
