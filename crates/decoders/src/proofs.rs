use bytes::Bytes;
use maftia_verify::{GroupKey, entry as verify, transcript as verify_transcript};

const PRESENT: &[u8] = include_bytes!("../../verify/testdata/present.proof");
const ABSENT: &[u8] = include_bytes!("../../verify/testdata/absent.proof");
const KEY: &str = include_str!("../../verify/testdata/group.key");
const TRANSCRIPT: &[u8] = include_bytes!("../../verify/testdata/signing.transcript");
const TRANSCRIPT_KEY: &str = include_str!("../../verify/testdata/transcript.key");

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

/// What is accepted is the seed.
pub(crate) fn transcript(bytes: &[u8]) -> bool {
    let key = GroupKey::from_hex(TRANSCRIPT_KEY).expect("the key of the seed");
    let accepted = verify_transcript(bytes, &key).is_ok();
    assert!(
        !accepted || bytes == TRANSCRIPT,
        "a forged transcript was accepted"
    );
    accepted
}

pub(crate) fn transcript_seeds() -> Vec<Bytes> {
    vec![Bytes::from_static(TRANSCRIPT)]
}
