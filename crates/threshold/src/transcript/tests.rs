use proptest::prelude::*;

use super::{Kind, Scope, Transcript, encode};
use crate::{Bls12381G2, Ed25519, Field as _, Group, Ristretto255};
use maftia_types::{Digest, Epoch};

const LABELS: [&str; 4] = ["", "a", "ab", "b"];

type Entry = (u8, &'static str, Vec<u8>);

fn entry() -> impl Strategy<Value = Entry> {
    let value = prop::collection::vec(any::<u8>(), 0..20);
    (0..4_u8, prop::sample::select(&LABELS), value)
}

fn kind(number: u8) -> Kind {
    [Kind::Bytes, Kind::Number, Kind::List, Kind::Output][usize::from(number)]
}

fn encoded(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, label, value) in entries {
        encode(kind(*number), label, value, &mut |part| {
            bytes.extend_from_slice(part);
        });
    }
    bytes
}

fn taken<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (length, after) = rest.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap());
    let (part, after) = after.split_at(length.try_into().unwrap());
    *rest = after;
    part
}

/// Reads entries back without knowing anything but the bytes.
fn decoded(mut rest: &[u8]) -> Vec<(u8, String, Vec<u8>)> {
    let mut entries = Vec::new();
    while let Some((&kind, after)) = rest.split_first() {
        rest = after;
        let label = String::from_utf8(taken(&mut rest).to_vec()).unwrap();
        entries.push((kind, label, taken(&mut rest).to_vec()));
    }
    entries
}

proptest! {
    /// An encoding that can be read back is injective.
    #[test]
    fn c15_the_encoding_can_be_read_back(entries in prop::collection::vec(entry(), 0..8)) {
        let expected: Vec<_> = entries
            .iter()
            .map(|(kind, label, value)| (*kind, (*label).to_owned(), value.clone()))
            .collect();
        prop_assert_eq!(decoded(&encoded(&entries)), expected);
    }

    /// The mistake of TSSHOCK: values whose concatenation is the same.
    #[test]
    fn c15_moving_bytes_between_neighbours_changes_the_challenge(
        value in prop::collection::vec(any::<u8>(), 1..40),
        cut in 0..40_usize,
        other in 0..40_usize,
    ) {
        let (cut, other) = (cut % (value.len() + 1), other % (value.len() + 1));
        let split = |at: usize| {
            let mut transcript = open("split", 0, 0);
            transcript.bytes("x", &value[..at]).bytes("x", &value[at..]);
            transcript.challenge::<Ristretto255>()
        };
        prop_assert_eq!(split(cut) == split(other), cut == other);
    }
}

fn open(role: &'static str, group: u8, epoch: u64) -> Transcript {
    let scope = Scope {
        group: Digest([group; 32]),
        epoch: Epoch(epoch),
    };
    Transcript::new(role, &scope)
}

#[test]
fn c14_role_group_and_epoch_change_the_challenge() {
    let value = |transcript: Transcript| transcript.challenge::<Ed25519>();
    let all = [
        value(open("a", 0, 0)),
        value(open("b", 0, 0)),
        value(open("a", 1, 0)),
        value(open("a", 0, 1)),
        value(Transcript::without_epoch("a", &Digest([0; 32]))),
    ];
    assert_pairwise_different(&all);
    assert_eq!(all[0], value(open("a", 0, 0)));
}

/// A challenge of few bits could be guessed; there is no parameter that makes it so.
#[test]
fn c16_a_challenge_takes_the_whole_size_of_a_scalar() {
    fn seen<G: Group>() -> [u8; 32] {
        let mut seen = [0; 32];
        for epoch in 0..64 {
            let bytes = open("a", 0, epoch).challenge::<G>().to_bytes();
            seen.iter_mut()
                .zip(bytes)
                .for_each(|(to, byte)| *to |= byte);
        }
        seen
    }
    // Every byte takes all its bits, but for the first one in the encoding's order, of a group order
    // that has fewer.
    for seen in [
        seen::<Ed25519>(),
        seen::<Ristretto255>(),
        seen::<Bls12381G2>(),
    ] {
        let full = seen.iter().filter(|byte| **byte == 0xff).count();
        assert!(
            full >= 31 && seen.iter().all(|byte| *byte >= 0x0f),
            "{seen:?}"
        );
    }
}

#[test]
fn c14_kind_label_and_presence_of_an_entry_change_the_challenge() {
    let with = |add: fn(&mut Transcript)| {
        let mut transcript = open("a", 0, 0);
        add(&mut transcript);
        transcript.challenge::<Ed25519>()
    };
    assert_pairwise_different(&[
        with(|_| ()),
        with(|t| {
            t.bytes("x", &[0; 8]);
        }),
        with(|t| {
            t.number("x", 0);
        }),
        with(|t| {
            t.list("x", 0);
        }),
        with(|t| {
            t.bytes("y", &[0; 8]);
        }),
        with(|t| {
            t.bytes("", &[]);
        }),
    ]);
}

#[test]
fn outputs_of_one_transcript_have_nothing_in_common() {
    let transcript = open("a", 0, 0);
    let challenges = [
        transcript.challenge::<Ed25519>(),
        transcript.challenge::<Ristretto255>(),
    ];
    assert_pairwise_different(&challenges);
    assert_ne!(challenges[0].as_bytes()[..], transcript.key()[..]);
}

fn assert_pairwise_different<T: PartialEq + std::fmt::Debug>(values: &[T]) {
    for (at, value) in values.iter().enumerate() {
        assert!(!values[..at].contains(value), "entry {at} repeats");
    }
}
