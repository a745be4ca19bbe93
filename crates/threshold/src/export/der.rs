//! As much of DER as the written forms need: nothing is read.

/// `INTEGER`.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// The first field of a structure that is tagged by its place, itself a structure; add the place.
pub(super) const CONSTRUCTED: u8 = 0xa0;
/// The same, if what is tagged is no structure.
pub(super) const PRIMITIVE: u8 = 0x80;

/// id-Ed25519 (RFC 8410), without parameters.
pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A tag, the length, and the parts one after the other.
pub(super) fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = vec![tag];
    // Only a length below 128 stands for itself; a longer one is told how many bytes it has.
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let digits = length.get(zeros..).unwrap_or_default();
    match digits {
        [] => bytes.push(0),
        [short @ ..0x80] => bytes.push(*short),
        digits => {
            bytes.push(PRIMITIVE | u8::try_from(digits.len()).expect("a length has 8 bytes"));
            bytes.extend_from_slice(digits);
        }
    }
    bytes.extend_from_slice(&content);
    bytes
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(SEQUENCE, parts)
}

/// The caller puts the parts in order: DER sorts them by their bytes.
pub(super) fn set(parts: &[&[u8]]) -> Vec<u8> {
    debug_assert!(parts.is_sorted());
    tagged(SET, parts)
}

pub(super) fn object(id: &[u8]) -> Vec<u8> {
    tagged(OBJECT_IDENTIFIER, &[id])
}

/// An `AlgorithmIdentifier` without parameters.
pub(super) fn algorithm(id: &[u8]) -> Vec<u8> {
    sequence(&[&object(id)])
}

/// Whether the bytes are a `SEQUENCE`'s, or begin like one, and name the identifier somewhere.
pub(super) fn is_sequence_with(bytes: &[u8], id: &[u8]) -> bool {
    bytes.first() == Some(&SEQUENCE) && names(bytes, id)
}

/// The same of a `SET`.
pub(super) fn is_set_with(bytes: &[u8], id: &[u8]) -> bool {
    bytes.first() == Some(&SET) && names(bytes, id)
}

/// The content alone is looked for: its length has more than one spelling, and verifiers read all.
fn names(bytes: &[u8], id: &[u8]) -> bool {
    bytes.windows(id.len()).any(|own| own == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_128_and_more_says_how_long_it_is() {
        let head = |length: usize| {
            let content = vec![7; length];
            let bytes = tagged(OCTET_STRING, &[&content]);
            bytes[1..bytes.len() - length].to_vec()
        };
        assert_eq!(head(0), [0]);
        assert_eq!(head(127), [127]);
        assert_eq!(head(128), [0x81, 128]);
        assert_eq!(head(255), [0x81, 255]);
        assert_eq!(head(256), [0x82, 1, 0]);
        assert_eq!(head(0x1_0000), [0x83, 1, 0, 0]);
    }
}
