use bytes::Bytes;
use proptest::prelude::*;

use super::*;

#[derive(Clone, PartialEq, Debug)]
struct Sample {
    number: u64,
    flag: bool,
    maybe: Option<Inner>,
    list: Vec<Inner>,
    bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, Debug)]
struct Inner(u32);

impl Wire for Inner {
    fn encode(&self, w: &mut Writer) {
        w.u32(self.0);
    }
    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        r.u32().map(Self)
    }
}

const LIST_MAX: usize = 8;

impl Wire for Sample {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.number);
        w.bool(self.flag);
        w.option(self.maybe.as_ref());
        w.list(&self.list);
        w.bytes(&self.bytes);
    }
    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            number: r.u64()?,
            flag: r.bool()?,
            maybe: r.option()?,
            list: r.list("list", LIST_MAX)?,
            bytes: r.bytes("bytes", LIST_MAX)?.to_vec(),
        })
    }
}

fn sample() -> impl Strategy<Value = Sample> {
    let inner = any::<u32>().prop_map(Inner);
    (
        any::<u64>(),
        any::<bool>(),
        proptest::option::of(inner.clone()),
        proptest::collection::vec(inner, 0..=LIST_MAX),
        proptest::collection::vec(any::<u8>(), 0..=LIST_MAX),
    )
        .prop_map(|(number, flag, maybe, list, bytes)| Sample {
            number,
            flag,
            maybe,
            list,
            bytes,
        })
}

proptest! {
    #[test]
    fn every_value_reads_back(value in sample()) {
        prop_assert_eq!(Sample::from_bytes(value.to_bytes()), Ok(value));
    }

    #[test]
    fn whatever_decodes_encodes_to_the_same_bytes(bytes in proptest::collection::vec(0u8..4, 0..64)) {
        let bytes = Bytes::from(bytes);
        if let Ok(value) = Sample::from_bytes(bytes.clone()) {
            prop_assert_eq!(value.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_cut_or_lengthened_encoding_is_refused(value in sample(), cut in 0usize..16) {
        let bytes = value.to_bytes();
        let cut = bytes.len().saturating_sub(1 + cut % bytes.len());
        prop_assert!(Sample::from_bytes(bytes.slice(..cut)).is_err());
        let longer: Bytes = bytes.iter().copied().chain([0]).collect();
        prop_assert_eq!(Sample::from_bytes(longer), Err(DecodeError::Trailing(1)));
    }
}

#[test]
fn a_length_bomb_is_refused_before_anything_is_allocated() {
    let mut w = Writer::new();
    w.u32(u32::MAX);
    let mut r = Reader::new(w.finish());
    assert!(matches!(
        r.bytes("x", 1 << 20),
        Err(DecodeError::TooLong { .. })
    ));
}

#[test]
fn a_boolean_of_two_is_refused() {
    let mut r = Reader::new(Bytes::from_static(&[2]));
    assert_eq!(r.bool(), Err(DecodeError::Invalid { field: "bool" }));
}

#[test]
fn byte_fields_share_the_buffer() {
    let mut w = Writer::new();
    w.bytes(b"payload");
    let whole = w.finish();
    let field = Reader::new(whole.clone()).bytes("x", 100).unwrap();
    assert_eq!(field.as_ptr(), whole.get(4..).unwrap().as_ptr());
}
