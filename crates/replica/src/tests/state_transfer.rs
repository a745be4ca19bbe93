use bytes::Bytes;
use maftia_activity::kv;
use maftia_crypto::SigningKey;
use maftia_ordering::{CheckpointPolicy, Identity, Pacing, Parameters};
use maftia_protocol::{Event, Protocol};
use maftia_types::{Digest, Epoch, FaultModel, Resilience, SiteId, Time};

use crate::{Boot, Message, Misbehaviour, Replica, Settings, Transfer};

fn site(index: u8) -> SiteId {
    SiteId::new(index).unwrap()
}

fn replica() -> Replica {
    let parameters = Parameters {
        config: Digest([1; 32]),
        epoch: Epoch(0),
        resilience: Resilience::largest(FaultModel::Arbitrary, 4).unwrap(),
        delivery_depth: 16,
        checkpoints: CheckpointPolicy::default(),
        pacing: Pacing::default(),
    };
    let identity = Identity {
        me: site(0),
        key: SigningKey::mock(0),
        keys: (0..4).map(|i| SigningKey::mock(i).public()).collect(),
    };
    let machine = Box::new(kv::Store::default());
    let booted = Replica::boot(
        parameters,
        Settings::default(),
        identity,
        machine,
        Boot::default(),
        Time::ZERO,
    );
    booted.unwrap().0
}

fn tell(replica: &mut Replica, from: u8, message: Transfer) -> Vec<Misbehaviour> {
    let message = Message::Transfer(message);
    let event = Event::Message {
        from: site(from),
        message,
    };
    let step = replica.handle(Time::from_nanos(1), event);
    step.faults
        .into_iter()
        .map(|fault| fault.misbehaviour)
        .collect()
}

#[test]
fn a_manifest_that_is_not_the_agreed_one_is_blamed_on_its_sender() {
    let mut replica = replica();
    replica.start_fetch(Time::ZERO);
    let offer = |digest| Transfer::Offer { index: 9, digest };
    assert!(tell(&mut replica, 1, offer(Digest([5; 32]))).is_empty());
    assert!(tell(&mut replica, 2, offer(Digest([5; 32]))).is_empty());
    let lie = Transfer::Manifest {
        index: 9,
        parts: 2,
        digests: vec![Digest::ZERO; 3],
    };
    assert_eq!(tell(&mut replica, 1, lie), [Misbehaviour::ForeignChunk]);
}

#[test]
fn pieces_that_nobody_asked_for_are_ignored() {
    let mut replica = replica();
    let chunk = Transfer::Chunk {
        index: 9,
        chunk: 0,
        bytes: Bytes::from_static(b"x"),
    };
    assert!(tell(&mut replica, 1, chunk).is_empty());
    let manifest = Transfer::Manifest {
        index: 9,
        parts: 2,
        digests: vec![Digest::ZERO; 3],
    };
    assert!(tell(&mut replica, 1, manifest).is_empty());
    assert!(replica.is_serving());
}
