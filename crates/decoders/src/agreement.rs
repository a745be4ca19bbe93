//! What the services of `maftia-agreement` say, each as its host sends it.

use maftia_agreement::binary::{CrusaderMessage, GradedMessage};
use maftia_agreement::consistent::{BlsCertificate, MultiSignature, VerifiableMessage};
use maftia_agreement::reliable::{CodedMessage, PlainMessage, shards_of};
use maftia_agreement::{BlsShare, Context, Instance, binary, host, reliable, validated, vector};
use maftia_codec::{Bytes, Wire};
use maftia_crypto::Signature;
use maftia_types::{Digest, Epoch, FaultModel, Resilience, SiteId};

pub(crate) type Reliable = host::Message<reliable::Message>;
pub(crate) type Consistent = host::Message<VerifiableMessage<Signature, MultiSignature>>;
pub(crate) type Binary = host::Message<binary::Message<BlsShare>>;
pub(crate) type Vector = host::Message<vector::Message<BlsShare>>;
pub(crate) type Validated = host::Message<validated::Message<BlsShare>>;
pub(crate) type Record = host::Record<Bytes, VerifiableMessage<BlsShare, BlsCertificate>>;

pub(crate) fn reliable_seeds() -> Vec<Bytes> {
    said(reliable_messages())
}

pub(crate) fn consistent_seeds() -> Vec<Bytes> {
    let signature = Signature([1; 64]);
    let certificate = [&[3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0][..], &[1; 128]].concat();
    let certificate = MultiSignature::from_bytes(certificate.into()).expect("two of two signers");
    said(vec![
        VerifiableMessage::Answer(body()),
        VerifiableMessage::Final(Digest([2; 32]), certificate),
        VerifiableMessage::Request(Digest([2; 32])),
        VerifiableMessage::Send(body()),
        VerifiableMessage::Vote(signature),
    ])
}

pub(crate) fn binary_seeds() -> Vec<Bytes> {
    said(binary_messages())
}

pub(crate) fn vector_seeds() -> Vec<Bytes> {
    let about = site();
    let agree = |message| vector::Message::Agree(about, message);
    let broadcast = |message| vector::Message::Broadcast(about, message);
    let agreements = binary_messages().into_iter().map(agree);
    let all = agreements.chain(reliable_messages().into_iter().map(broadcast));
    said(all.collect())
}

pub(crate) fn validated_seeds() -> Vec<Bytes> {
    let about = site();
    let agree = |message| validated::Message::Agree(1, message);
    let broadcast = |message| validated::Message::Broadcast(about, message);
    let agreements = binary_messages().into_iter().map(agree);
    let broadcasts = reliable_messages().into_iter().map(broadcast);
    let others = [
        validated::Message::Elect(share()),
        validated::Message::Have(about, PlainMessage::Echo(body())),
    ];
    said(agreements.chain(broadcasts).chain(others).collect())
}

pub(crate) fn record_seeds() -> Vec<Bytes> {
    let number = 7;
    let records = [
        Record::Asked {
            number,
            command: body(),
        },
        Record::Closed { below: 3 },
        Record::Heard {
            number,
            from: site(),
            message: VerifiableMessage::Vote(share()),
        },
    ];
    records.iter().map(Wire::to_bytes).collect()
}

/// As a host sends them, and its own question.
fn said<M: Wire>(messages: Vec<M>) -> Vec<Bytes> {
    let (epoch, number) = (Epoch(2), 7);
    let from_number = number;
    let say = |message| host::Message::Say {
        epoch,
        number,
        message,
    };
    let again = host::Message::Again { epoch, from_number };
    let messages = messages.into_iter().map(say).chain([again]);
    messages.map(|message| message.to_bytes()).collect()
}

fn reliable_messages() -> Vec<reliable::Message> {
    let four = Resilience::largest(FaultModel::Arbitrary, 4).expect("four carry one");
    let context = Context::new(Digest([1; 32]), Epoch(2), four, site());
    let instance = Instance::new(&context.expect("one of four"), "sample", 7);
    let (root, shards) = shards_of(instance, &four, &[7; 100]);
    let shard = shards.into_iter().next().expect("there are four");
    let coded = [
        CodedMessage::Disperse(shard.clone()),
        CodedMessage::Echo(shard),
        CodedMessage::Ready(root),
    ];
    let plain = [
        PlainMessage::Propose(body()),
        PlainMessage::Echo(Bytes::new()),
        PlainMessage::Vote(root),
        PlainMessage::Ready(root),
    ];
    let plain = plain.into_iter().map(reliable::Message::Plain);
    plain
        .chain(coded.into_iter().map(reliable::Message::Coded))
        .collect()
}

fn binary_messages() -> Vec<binary::Message<BlsShare>> {
    let crusader = [
        CrusaderMessage::Echo1(true),
        CrusaderMessage::Echo2(false),
        CrusaderMessage::Echo3(None),
    ];
    let graded = crusader.map(GradedMessage::Crusader).into_iter();
    let graded = graded.chain([GradedMessage::Echo4(Some(true))]);
    let rounds = graded.map(|message| binary::Message::Round(1, message));
    let others = [
        binary::Message::Decide(true),
        binary::Message::Share(2, share()),
    ];
    rounds.chain(others).collect()
}

fn share() -> BlsShare {
    BlsShare::from_bytes(Bytes::from_static(&[5; 48])).expect("any bytes as long")
}

fn body() -> Bytes {
    Bytes::from_static(b"payload")
}

fn site() -> SiteId {
    SiteId::new(1).expect("there is a second site")
}
