//! Every decoder of the crate against bytes of anybody (rows B20, B23, B25).

use maftia_agreement::coin::NoShare;
use maftia_agreement::consistent::{
    BlsCertificate, EchoMessage, MultiSignature, VerifiableMessage,
};
use maftia_agreement::{BlsShare, binary, host, reliable, validated, vector};
use maftia_codec::{Bytes, Wire};
use maftia_crypto::Signature;
use maftia_simulator::Dice;
use maftia_types::{Digest, Epoch};

use crate::keys::site;

/// What decodes is the one encoding of its value; returns whether it does.
fn is_canonical<M: Wire>(bytes: &[u8]) -> bool {
    let Ok(value) = M::from_bytes(Bytes::copy_from_slice(bytes)) else {
        return false;
    };
    assert_eq!(value.to_bytes(), bytes, "two encodings of one value");
    true
}

/// Bytes near these: bent, cut, lengthened, or joined with noise.
fn mutate(dice: &mut Dice, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..dice.between(1, 4) {
        let at = dice.below(bytes.len());
        let noise = dice.between(0, 255).to_le_bytes()[0];
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.push(noise),
            2 => bytes.insert(at.min(bytes.len()), noise),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = noise % 8;
                }
            }
        }
    }
    bytes
}

fn seeds() -> Vec<Bytes> {
    let digest = Digest([3; 32]);
    let place = crate::arena::place(crate::arena::largest(4), site(0));
    let instance = maftia_agreement::Instance::new(&place, "decoders", 0);
    let (root, shards) = reliable::shards_of(instance, place.resilience(), &[7; 100]);
    let coded = [
        reliable::CodedMessage::Disperse(shards[0].clone()),
        reliable::CodedMessage::Echo(shards[3].clone()),
        reliable::CodedMessage::Ready(root),
    ];
    let plain = [
        reliable::PlainMessage::Propose(vec![1, 2].into()),
        reliable::PlainMessage::Echo(vec![].into()),
        reliable::PlainMessage::Vote(digest),
        reliable::PlainMessage::Ready(digest),
    ];
    let coded = coded.map(reliable::Message::Coded);
    let reliable: Vec<_> = plain
        .map(reliable::Message::Plain)
        .into_iter()
        .chain(coded)
        .collect();
    let crusader = binary::GradedMessage::Crusader(binary::CrusaderMessage::Echo3(None));
    let round: binary::Message<NoShare> = binary::Message::Round(1, crusader);
    let mut seeds: Vec<Bytes> = reliable.iter().map(Wire::to_bytes).collect();
    seeds.push(shards[1].to_bytes());
    seeds.push(round.to_bytes());
    seeds.push(vector::Message::Agree(site(1), round).to_bytes());
    for message in reliable {
        seeds.push(vector::Message::<NoShare>::Broadcast(site(2), message.clone()).to_bytes());
        seeds.push(validated::Message::<NoShare>::Broadcast(site(2), message.clone()).to_bytes());
        let (epoch, number) = (Epoch(1), 7);
        seeds.push(
            host::Message::Say {
                epoch,
                number,
                message: message.clone(),
            }
            .to_bytes(),
        );
        let record = host::Record::<Bytes, _>::Heard {
            number,
            from: site(1),
            message,
        };
        seeds.push(record.to_bytes());
    }
    type Certified = VerifiableMessage<Signature, MultiSignature>;
    seeds.push(EchoMessage::Echo(digest).to_bytes());
    seeds.push(Certified::Vote(Signature([1; 64])).to_bytes());
    seeds.push(Certified::Request(digest).to_bytes());
    seeds.push(Bytes::from_static(&[0; 48]));
    seeds
}

#[test]
fn b20_b25_no_bytes_panic_or_have_two_encodings() {
    type Certified = VerifiableMessage<Signature, MultiSignature>;
    let decoders: [fn(&[u8]) -> bool; 11] = [
        is_canonical::<reliable::Message>,
        is_canonical::<reliable::Shard>,
        is_canonical::<binary::Message<NoShare>>,
        is_canonical::<binary::Message<BlsShare>>,
        is_canonical::<vector::Message<NoShare>>,
        is_canonical::<validated::Message<BlsShare>>,
        is_canonical::<host::Message<reliable::Message>>,
        is_canonical::<host::Record<Bytes, reliable::Message>>,
        is_canonical::<EchoMessage>,
        is_canonical::<Certified>,
        is_canonical::<BlsCertificate>,
    ];
    let mut dice = Dice::new(1);
    let mut values = [0; 11];
    for seed in seeds() {
        for _ in 0..200 {
            let bytes = mutate(&mut dice, &seed);
            for (decoder, count) in decoders.iter().zip(&mut values) {
                *count += usize::from(decoder(&bytes)) + usize::from(decoder(&seed));
            }
        }
    }
    assert!(values.iter().all(|count| *count > 100), "{values:?}");
}

#[test]
fn b23_a_length_that_is_not_there_allocates_nothing() {
    for kind in 0..8 {
        let bytes = [&[kind][..], &[0xff; 12]].concat();
        for depth in 0..3 {
            let bytes = [&vec![1; depth][..], &bytes].concat();
            assert!(!is_canonical::<reliable::Message>(&bytes));
            assert!(!is_canonical::<vector::Message<NoShare>>(&bytes));
        }
    }
}
