//! What clients and sites say to each other.

use bytes::Bytes;
use maftia_codec::Wire;
use maftia_replica::{Bodies, ClientMessage, Fate, Reply, SiteMessage, Span, Wanted};
use maftia_types::{Epoch, Incarnation, Sequence};

use crate::members::certificate;
use crate::samples::{digest, exhibit};

pub(crate) fn client_messages() -> Vec<Bytes> {
    let (session, incarnation) = (1, Incarnation(2));
    let two = Bodies::new([&Bytes::from_static(b"body"), &Bytes::new()]);
    let span = Span::new(Sequence(1), 2).expect("two numbers");
    let batches = vec![(span, two)];
    let digests = vec![(span, digest(1)), (Span::one(Sequence(3)), digest(2))];
    let messages = [
        ClientMessage::Submit {
            session,
            incarnation,
            batches,
        },
        ClientMessage::Vouch {
            session,
            incarnation,
            digests,
        },
        ClientMessage::Status { nonce: 5 },
        ClientMessage::Evidence {
            nonce: 6,
            id: digest(2),
        },
        ClientMessage::Views { epoch: Epoch(7) },
        ClientMessage::Prove {
            nonce: 6,
            question: Bytes::from_static(b"key"),
        },
        ClientMessage::Lend {
            nonce: 7,
            wanted: Wanted::Newest,
        },
        ClientMessage::Lend {
            nonce: 8,
            wanted: Wanted::Digests { commit: 9 },
        },
        ClientMessage::Lend {
            nonce: 9,
            wanted: Wanted::Chunk {
                commit: 9,
                chunk: 3,
            },
        },
    ];
    messages.iter().map(Wire::to_bytes).collect()
}

pub(crate) fn site_messages() -> Vec<Bytes> {
    let fates = [
        Fate::Executed {
            position: 1,
            result: Bytes::from_static(b"result"),
        },
        Fate::ExecutedDigest {
            position: 2,
            digest: digest(2),
        },
        Fate::Forgotten,
        Fate::Closed,
        Fate::Other,
    ];
    let replies = (1..)
        .zip(fates)
        .map(|(n, fate)| Reply {
            sequence: Sequence(n),
            fate,
        })
        .collect();
    let messages = [
        SiteMessage::Replies {
            session: 1,
            incarnation: Incarnation(2),
            replies,
        },
        SiteMessage::Evidence {
            nonce: 6,
            exhibit: Some(exhibit().to_bytes()),
        },
        SiteMessage::Status {
            nonce: 5,
            json: Bytes::from_static(b"{}"),
        },
        SiteMessage::Views(vec![certificate(), certificate()]),
        SiteMessage::Proof {
            nonce: 6,
            proof: Some(Bytes::from_static(b"proof")),
        },
        SiteMessage::Proof {
            nonce: 7,
            proof: None,
        },
        SiteMessage::Piece {
            nonce: 8,
            piece: Some(Bytes::from_static(b"piece")),
        },
        SiteMessage::Piece {
            nonce: 9,
            piece: None,
        },
    ];
    messages.iter().map(Wire::to_bytes).collect()
}
