use std::sync::Arc;

use bytes::Bytes;
use maftia_ordering::{Block, Message as Ordering};
use maftia_protocol::Step;
use maftia_replica::{Message, Replica};
use maftia_types::{Round, SiteId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::fork::{Difference, Face, Forks};
use crate::{Scene, Sent, Strategy};

/// Signs two blocks a round, now and then, and shows each peer one of them. Either side's history is
/// valid and consistent; the site answers for both.
#[derive(Debug)]
pub struct Equivocate {
    forks: Forks,
    rng: ChaCha8Rng,
    seed: u64,
    /// Of 1000 rounds, in how many the faces begin to differ.
    forks_per_mille: u32,
    /// Of 1000 rounds, in how many one lie is told to all.
    forged_per_mille: u32,
    /// Whether a peer may see one side in one round and the other in the next.
    wavers: bool,
}

impl Equivocate {
    /// With chance from this seed. Sites with equal seeds show each peer the same side.
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let often = |rng: &mut ChaCha8Rng, choices: [u32; 4]| {
            choices.get(rng.random_range(0..4)).copied().unwrap_or(0)
        };
        Self {
            forks: Forks::default(),
            forks_per_mille: often(&mut rng, [30, 200, 500, 1000]),
            forged_per_mille: often(&mut rng, [0, 0, 100, 500]),
            wavers: rng.random_bool(0.5),
            rng,
            seed,
        }
    }

    /// In every round, with the sides changing: seen soon also where little happens. For drills.
    pub fn always(seed: u64) -> Self {
        Self {
            forks: Forks::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            seed,
            forks_per_mille: 1000,
            forged_per_mille: 0,
            wavers: true,
        }
    }

    /// Which side a peer sees.
    fn side(&self, peer: SiteId, round: Round) -> usize {
        let turn = if self.wavers { round.0 / 3 } else { 0 };
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ turn << 32);
        let sides: u64 = rng.random();
        usize::from(sides >> peer.index() & 1 == 1)
    }

    fn difference(&mut self) -> Difference {
        let throw = self.rng.random_range(0..1000);
        if throw < self.forks_per_mille {
            let all = [
                Difference::Time,
                Difference::Payload,
                Difference::Parents,
                Difference::Votes,
            ];
            return all
                .get(self.rng.random_range(0..4))
                .copied()
                .unwrap_or(Difference::Time);
        }
        if throw - self.forks_per_mille < self.forged_per_mille {
            return Difference::Forged;
        }
        Difference::None
    }

    /// A message to one peer, with own blocks in the face that the peer sees.
    pub(crate) fn show(&self, scene: &Scene<'_>, peer: SiteId, message: Message) -> Message {
        let face = |reference: &maftia_ordering::BlockRef| {
            let side = self.side(peer, reference.round);
            let faces = self
                .forks
                .known(reference)
                .filter(|_| reference.author == scene.me)?;
            faces.get(side)
        };
        match message {
            Message::Ordering(epoch, Ordering::Block { block, payload }) => {
                let shown = face(&block.reference());
                let with_payload = payload.is_some();
                let shown = match shown {
                    Some(face) => face.message(with_payload || !face.payload.is_empty()),
                    None => Ordering::Block { block, payload },
                };
                Message::Ordering(epoch, shown)
            }
            Message::Ordering(epoch, Ordering::Payload { block, payload }) => {
                let shown = match face(&block) {
                    Some(face) => Ordering::Payload {
                        block: face.block.reference(),
                        payload: face.payload.clone(),
                    },
                    None => Ordering::Payload { block, payload },
                };
                Message::Ordering(epoch, shown)
            }
            other => other,
        }
    }

    /// Makes the faces of the blocks that this step creates.
    pub(crate) fn prepare(&mut self, scene: &Scene<'_>, step: &Step<Replica>) {
        for record in &step.records {
            let maftia_replica::Record::Ordering(maftia_ordering::Record::Block { block, payload }) =
                record
            else {
                continue;
            };
            self.prepare_one(scene, block, payload.clone());
        }
        // Sealed ones are in the log in two parts.
        for out in &step.messages {
            if let Message::Ordering(_, Ordering::Block { block, payload }) = &out.message
                && block.bears().is_some()
            {
                let payload = payload.clone().or_else(|| payload_of(step, block));
                self.prepare_one(scene, block, payload);
            }
        }
    }

    fn prepare_one(&mut self, scene: &Scene<'_>, block: &Arc<Block>, payload: Option<Bytes>) {
        if block.author() != scene.me || self.forks.find(&block.reference()).is_some() {
            return;
        }
        let difference = self.difference();
        let payload = payload.unwrap_or_default();
        let original = Face {
            block: Arc::clone(block),
            payload,
        };
        self.forks.of(scene, &mut self.rng, &original, difference);
    }

    /// Answers for the faces that the replica does not know.
    pub(crate) fn answer(&self, from: SiteId, message: &Message) -> Vec<(SiteId, Message)> {
        let Message::Ordering(epoch, Ordering::Fetch { blocks, payloads }) = message else {
            return Vec::new();
        };
        blocks
            .iter()
            .chain(payloads)
            .filter_map(|reference| self.forks.find(reference))
            .map(|face| (from, Message::Ordering(*epoch, face.message(true))))
            .collect()
    }
}

/// The payload that a step sends after its header.
fn payload_of(step: &Step<Replica>, header: &Block) -> Option<Bytes> {
    step.messages.iter().find_map(|out| match &out.message {
        Message::Ordering(_, Ordering::Payload { block, payload }) => {
            (*block == header.reference()).then(|| payload.clone())
        }
        _ => None,
    })
}

impl Strategy for Equivocate {
    fn tamper(&mut self, scene: &Scene<'_>, step: Step<Replica>) -> Sent {
        self.prepare(scene, &step);
        let mut messages = Vec::new();
        for out in step.messages {
            for peer in scene.recipients(out.target) {
                messages.push((peer, self.show(scene, peer, out.message.clone())));
            }
        }
        Sent {
            records: step.records,
            messages,
            outputs: step.outputs,
        }
    }

    fn overhear(
        &mut self,
        _: &Scene<'_>,
        from: SiteId,
        message: &Message,
    ) -> Vec<(SiteId, Message)> {
        self.answer(from, message)
    }
}

impl Face {
    fn message(&self, with_payload: bool) -> Ordering {
        let payload = (with_payload && !self.payload.is_empty()).then(|| self.payload.clone());
        Ordering::Block {
            block: self.block.clone(),
            payload,
        }
    }
}
