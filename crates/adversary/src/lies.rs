//! Lies about single messages.

use bytes::Bytes;
use maftia_ordering::{Message as Ordering, RecoveryStatement};
use maftia_replica::{Fate, Message, Output, Reply, Transfer};
use maftia_types::{Digest, Round, SiteId};
use rand::{Rng, RngExt};

use crate::Scene;

/// Another result, position or fate for a client.
pub(crate) fn about_replies(rng: &mut impl Rng, output: Output) -> Output {
    let Output::Replies {
        client,
        incarnation,
        mut replies,
    } = output
    else {
        return output;
    };
    for Reply { fate, .. } in &mut replies {
        *fate = match (rng.random_range(0..7), &fate) {
            (0, Fate::Executed { position, result }) => Fate::Executed {
                position: position + 1,
                result: result.clone(),
            },
            (1 | 2, Fate::Executed { position, .. } | Fate::ExecutedDigest { position, .. }) => {
                Fate::Executed {
                    position: *position,
                    result: Bytes::from_static(b"forged"),
                }
            }
            (3, Fate::Executed { position, .. }) => Fate::ExecutedDigest {
                position: *position,
                digest: Digest([3; 32]),
            },
            (4, _) => Fate::Closed,
            (5, _) => Fate::Forgotten,
            (6, _) => Fate::Other,
            (_, fate) => (*fate).clone(),
        };
    }
    Output::Replies {
        client,
        incarnation,
        replies,
    }
}

/// How many kinds of lies about the state there are.
pub(crate) const KINDS: usize = 5;

/// Which kind a message gives the chance for.
pub(crate) const fn kind_of(message: &Message) -> Option<usize> {
    match message {
        Message::Ordering(_, Ordering::Knowledge(_)) => Some(0),
        Message::Ordering(_, Ordering::RecoveryAnswer(_)) => Some(1),
        Message::Transfer(Transfer::Offer { .. }) => Some(2),
        Message::Transfer(Transfer::Manifest { .. }) => Some(3),
        Message::Transfer(Transfer::Chunk { .. }) => Some(4),
        Message::Ordering(..) | Message::Transfer(_) | Message::Pair(_) | Message::Passage(_) => {
            None
        }
    }
}

/// A payload of the right length that the header does not name.
pub(crate) fn about_payload(message: &mut Message) {
    let payload = match message {
        Message::Ordering(_, Ordering::Block { payload, .. }) => payload.as_mut(),
        Message::Ordering(_, Ordering::Payload { payload, .. }) => Some(payload),
        _ => None,
    };
    if let Some(payload) = payload {
        let mut bent = payload.to_vec();
        if let Some(last) = bent.last_mut() {
            *last ^= 1;
        }
        *payload = bent.into();
    }
}

/// The same block as if `victim` had made it.
pub(crate) fn in_the_name_of(
    scene: &Scene<'_>,
    victim: SiteId,
    message: &Message,
) -> Option<Message> {
    let Message::Ordering(epoch, Ordering::Block { block, .. }) = message else {
        return None;
    };
    let mut header = block.header().clone();
    let own = header.parents.iter().position(|p| p.author == victim);
    header.author = victim;
    match own {
        Some(own) => header.parents.swap(0, own),
        None => header.parents.sort_by_key(|p| p.author != victim),
    }
    header.payload_digest = maftia_ordering::payload_digest(&[]);
    header.payload_len = 0;
    let block = maftia_ordering::Block::sign(header, scene.key);
    let payload = None;
    Some(Message::Ordering(
        *epoch,
        Ordering::Block { block, payload },
    ))
}

/// Another round, base, checkpoint, chunk or recovery answer. Blocks are left alone.
pub(crate) fn about_state(rng: &mut impl Rng, scene: &Scene<'_>, message: &mut Message) {
    match message {
        Message::Ordering(_, Ordering::Knowledge(knowledge)) => {
            let far = Round(rng.random_range(0..1000));
            match rng.random_range(0..5) {
                0 => knowledge
                    .tips
                    .iter_mut()
                    .for_each(|tip| *tip = tip.plus(far.0)),
                1 => knowledge.tips.iter_mut().for_each(|tip| *tip = Round(0)),
                2 => knowledge.base = Round(u64::MAX),
                3 => knowledge.tips.truncate(1),
                _ => knowledge.settled = far,
            }
        }
        Message::Ordering(_, Ordering::RecoveryAnswer(answer)) => {
            let Some(statement) = RecoveryStatement::open(answer, &scene.key.public()) else {
                return;
            };
            let highest = match rng.random_range(0..3) {
                0 => Round(0),
                1 => Round(u64::MAX),
                _ => statement.highest.minus(rng.random_range(1..10)),
            };
            *answer = RecoveryStatement {
                highest,
                ..statement
            }
            .seal(scene.key);
        }
        Message::Transfer(transfer) => about_transfer(rng, transfer),
        Message::Ordering(..) | Message::Pair(_) | Message::Passage(_) => {}
    }
}

fn about_transfer(rng: &mut impl Rng, transfer: &mut Transfer) {
    match transfer {
        Transfer::Offer { index, digest } => match rng.random_range(0..3) {
            0 => *index += rng.random_range(1..1000),
            1 => *index = u64::MAX,
            _ => *digest = Digest([1; 32]),
        },
        Transfer::Manifest { parts, digests, .. } => match rng.random_range(0..3) {
            0 => *parts = parts.wrapping_add(1),
            1 => digests.truncate(1),
            _ => digests
                .iter_mut()
                .for_each(|digest| *digest = Digest([2; 32])),
        },
        Transfer::Chunk { bytes, chunk, .. } => match rng.random_range(0..3) {
            0 => *bytes = Bytes::from_static(b"forged"),
            1 => *chunk = chunk.wrapping_add(1),
            _ => {
                let mut bent = bytes.to_vec();
                if let Some(last) = bent.last_mut() {
                    *last ^= 1;
                }
                *bytes = bent.into();
            }
        },
        Transfer::Query | Transfer::ManifestRequest { .. } | Transfer::ChunkRequest { .. } => {}
    }
}
