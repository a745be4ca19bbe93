//! Two histories of one author, each consistent in itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::{Wire, Writer};
use maftia_ordering::seal::Sealer;
use maftia_ordering::{Block, BlockRef, Header, payload_digest};
use maftia_replica::{Bodies, Item, Span, items};
use maftia_types::{Digest, Round};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::Scene;

/// Own blocks whose other faces are remembered: those of more rounds than peers still ask for.
pub const FORKS_MAX: usize = 512;

/// What a replica's own blocks look like to the peers of either side.
#[derive(Debug, Default)]
pub(crate) struct Forks {
    faces: BTreeMap<(Round, Digest), [Face; 2]>,
}

/// A block and its payload as one side gets it.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    pub(crate) block: Arc<Block>,
    pub(crate) payload: Bytes,
}

/// In what the faces of a block may differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Difference {
    /// Not at all, unless the faces below already do.
    None,
    /// Both faces are the same lie about clients' requests.
    Forged,
    /// The clock.
    Time,
    /// The payload.
    Payload,
    /// One parent less.
    Parents,
    /// The state its author claims to have reached.
    Votes,
}

impl Forks {
    /// The faces of an own block, made when it is first seen.
    pub(crate) fn of(
        &mut self,
        scene: &Scene<'_>,
        rng: &mut ChaCha8Rng,
        original: &Face,
        difference: Difference,
    ) -> &[Face; 2] {
        let reference = original.block.reference();
        let key = (reference.round, reference.digest);
        let faces = match self.faces.get(&key) {
            Some(faces) => faces.clone(),
            None => self.make(scene, rng, original, difference),
        };
        make_room(&mut self.faces, &key);
        self.faces.entry(key).or_insert(faces)
    }

    fn make(
        &self,
        scene: &Scene<'_>,
        rng: &mut ChaCha8Rng,
        original: &Face,
        difference: Difference,
    ) -> [Face; 2] {
        let mut faces = [0, 1].map(|side| self.rebuild(scene, original, side));
        let [first, second] = &mut faces;
        match difference {
            Difference::None => {}
            Difference::Forged => {
                alter(scene, rng, first, difference);
                alter(scene, rng, second, difference);
                if first.block.header().parents == second.block.header().parents {
                    *second = first.clone();
                }
            }
            _ => alter(scene, rng, second, difference),
        }
        if let Some(device) = scene.device {
            for face in &mut faces {
                seal(scene, device, face);
            }
        }
        faces
    }

    /// The faces of an own block, if it was seen.
    pub(crate) fn known(&self, reference: &BlockRef) -> Option<&[Face; 2]> {
        self.faces.get(&(reference.round, reference.digest))
    }

    /// A face by its own name.
    pub(crate) fn find(&self, reference: &BlockRef) -> Option<&Face> {
        let of_round = (reference.round, Digest([0; 32]))..=(reference.round, Digest([255; 32]));
        self.faces
            .range(of_round)
            .flat_map(|(_, faces)| faces)
            .find(|face| face.block.digest() == reference.digest)
    }

    /// The block on top of one side's history: its own parent is that side's.
    fn rebuild(&self, scene: &Scene<'_>, original: &Face, side: usize) -> Face {
        let mut header = original.block.header().clone();
        let mut changed = false;
        for parent in header.parents.iter_mut().filter(|p| p.author == scene.me) {
            let face = self.known(parent).and_then(|faces| faces.get(side));
            if let Some(face) = face {
                changed |= *parent != face.block.reference();
                *parent = face.block.reference();
            }
        }
        match changed {
            true => Face {
                block: Block::sign(header, scene.key),
                payload: original.payload.clone(),
            },
            false => original.clone(),
        }
    }
}

/// The oldest makes room for a new one. One below all that are known is of a new epoch, which counts
/// its rounds from one again.
fn make_room<T>(faces: &mut BTreeMap<(Round, Digest), T>, key: &(Round, Digest)) {
    if faces.len() < FORKS_MAX || faces.contains_key(key) {
        return;
    }
    match faces.first_key_value() {
        Some((lowest, _)) if key < lowest => faces.clear(),
        _ => drop(faces.pop_first()),
    }
}

/// Has a face sealed. The device does so for the first of a round and the same again: another face
/// stays without, and nobody takes it.
fn seal(scene: &Scene<'_>, device: &dyn Sealer, face: &mut Face) {
    let header = face.block.header().clone();
    if let Ok(sealed) = Block::seal(header, scene.key, device) {
        face.block = sealed;
    }
}

fn alter(scene: &Scene<'_>, rng: &mut ChaCha8Rng, face: &mut Face, difference: Difference) {
    let mut header = face.block.header().clone();
    match difference {
        Difference::None => return,
        Difference::Time => header.time_ms = header.time_ms.saturating_add(rng.random_range(1..50)),
        Difference::Payload => {
            let payload = if face.payload.is_empty() {
                forged(rng, &face.payload)
            } else {
                Bytes::new()
            };
            set_payload(&mut header, face, payload);
        }
        Difference::Forged => {
            let payload = forged(rng, &face.payload);
            set_payload(&mut header, face, payload);
        }
        Difference::Parents => drop_parent(scene, rng, &mut header),
        Difference::Votes => {
            let flip = |vote: &mut Option<maftia_ordering::IndexedDigest>| {
                if let Some(vote) = vote {
                    vote.digest = Digest([66; 32]);
                }
            };
            flip(&mut header.commit_vote);
            flip(&mut header.checkpoint_vote);
        }
    }
    face.block = Block::sign(header, scene.key);
}

fn set_payload(header: &mut Header, face: &mut Face, payload: Bytes) {
    header.payload_digest = payload_digest(&payload);
    header.payload_len = u32::try_from(payload.len()).unwrap_or(0);
    face.payload = payload;
}

/// Leaves out one parent that is not the author's own, if a quorum of strong ones remains.
fn drop_parent(scene: &Scene<'_>, rng: &mut ChaCha8Rng, header: &mut Header) {
    let round = header.round;
    let strong = header
        .parents
        .iter()
        .filter(|p| p.is_strong_for(round))
        .count();
    let spare = strong > scene.resilience.quorum();
    let candidates: Vec<BlockRef> = header
        .parents
        .iter()
        .filter(|p| p.author != scene.me && (spare || !p.is_strong_for(round)))
        .copied()
        .collect();
    if !candidates.is_empty() {
        let victim = candidates
            .get(rng.random_range(0..candidates.len()))
            .copied();
        header.parents.retain(|parent| Some(*parent) != victim);
    }
}

/// The items of a payload with lies among them: other bodies and digests under the clients' names.
fn forged(rng: &mut ChaCha8Rng, payload: &Bytes) -> Bytes {
    let mut writer = Writer::new();
    for item in items(payload) {
        let lie = rng.random_range(0..3);
        match (&item, lie) {
            (Item::Requests { id, .. }, 0) => {
                let forged = Bytes::from_static(b"forged");
                let bodies = Bodies::new(std::iter::repeat_n(&forged, id.span.count() as usize));
                Item::Requests { id: *id, bodies }.encode(&mut writer);
            }
            (Item::Vouch { id, .. }, 0) => {
                let (id, digest) = (*id, Digest([13; 32]));
                Item::Vouch { id, digest }.encode(&mut writer);
            }
            (_, 1) => {
                item.encode(&mut writer);
                item.encode(&mut writer);
            }
            _ => item.encode(&mut writer),
        }
        let named = match &item {
            Item::Requests { id, .. } | Item::Vouch { id, .. } => Some(*id),
            Item::Evidence(_)
            | Item::Certified
            | Item::Contribution(_)
            | Item::Word(_)
            | Item::Accuse { .. }
            | Item::Retract { .. } => None,
        };
        // A request that its client never made.
        if let Some(mut id) = named.filter(|_| rng.random_range(0..4) == 0) {
            id.span = Span::one(id.span.last().next());
            let bodies = Bodies::new([&Bytes::from_static(b"invented")]);
            Item::Requests { id, bodies }.encode(&mut writer);
        }
    }
    if rng.random_range(0..3) == 0 {
        writer.raw(&[9, 9, 9]);
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_of_an_epoch_has_room_after_many_of_the_one_before() {
        let key = |round| (Round(round), Digest([7; 32]));
        let mut faces: BTreeMap<_, _> = (1000..).map(|r| (key(r), ())).take(FORKS_MAX).collect();
        make_room(&mut faces, &key(1000));
        assert_eq!(faces.len(), FORKS_MAX, "it is known");
        make_room(&mut faces, &key(1000 + FORKS_MAX as u64));
        assert_eq!(faces.first_key_value().unwrap().0, &key(1001));
        faces.insert(key(1000 + FORKS_MAX as u64), ());
        make_room(&mut faces, &key(1));
        assert!(faces.is_empty());
    }
}
