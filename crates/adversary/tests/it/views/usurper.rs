//! What an intruder says of views: false votes, forged certificates, others' words.

use std::collections::VecDeque;

use maftia_adversary::{Scene, Sent, Strategy};
use maftia_crypto::SigningKey;
use maftia_membership::{Certificate, Handover, View};
use maftia_protocol::Step;
use maftia_replica::{Message, Passage, Replica};
use maftia_types::{Digest, Epoch, SiteId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Words of joiners and votes that are said again.
const OLD_MAX: usize = 32;

/// Lies about views, on top of another strategy.
pub(crate) struct Usurper {
    below: Box<dyn Strategy>,
    rng: ChaCha8Rng,
    /// The newest handover it has seen; at first a word about the founders.
    seen: Handover,
    old: VecDeque<Passage>,
}

impl Usurper {
    pub(crate) fn over(below: Box<dyn Strategy>, founders: &View, seed: u64) -> Self {
        let seen = Handover {
            commit: 0,
            chain: Digest([6; 32]),
            view: founders.clone(),
        };
        Self {
            below,
            rng: ChaCha8Rng::seed_from_u64(seed),
            seen,
            old: VecDeque::new(),
        }
    }

    fn lie(&mut self, scene: &Scene<'_>, passage: &mut Passage) {
        let other = Handover {
            commit: self.seen.commit + 1,
            ..self.seen.clone()
        };
        match passage {
            Passage::Vote { vote, .. } => match (self.rng.random_range(0..3), other) {
                (0, other) => *vote = other.sign(scene.key),
                (1, _) => vote.statement.view = Digest([8; 32]),
                _ => {}
            },
            Passage::Chain(chain) => {
                if let Some(last) = chain.last_mut().filter(|_| self.rng.random_bool(0.5)) {
                    *last = forged(last.handover().clone(), scene.key);
                }
            }
            Passage::Ask { epoch } if self.rng.random_bool(0.3) => {
                *epoch = Epoch(self.rng.random_range(0..4));
            }
            Passage::Word(word) if self.rng.random_bool(0.3) => word.proposal += 1,
            Passage::Ask { .. } | Passage::Word(_) => {}
        }
    }
}

impl Strategy for Usurper {
    fn tamper(&mut self, scene: &Scene<'_>, step: Step<Replica>) -> Sent {
        let mut sent = self.below.tamper(scene, step);
        for (_, message) in &mut sent.messages {
            if let Message::Passage(passage) = message {
                self.lie(scene, passage);
            }
        }
        if let Some(old) = self.old.pop_front().filter(|_| self.rng.random_bool(0.2)) {
            let to = self.rng.random_range(0..scene.audience.max(1));
            let to = SiteId::all(to + 1).last();
            sent.messages
                .extend(to.map(|to| (to, Message::Passage(old))));
        }
        sent
    }

    fn overhear(
        &mut self,
        scene: &Scene<'_>,
        from: SiteId,
        message: &Message,
    ) -> Vec<(SiteId, Message)> {
        let mut said = self.below.overhear(scene, from, message);
        let Message::Passage(passage) = message else {
            return said;
        };
        match passage {
            Passage::Chain(chain) => {
                if let Some(last) = chain.last() {
                    self.seen = last.handover().clone();
                }
            }
            // Who gathers votes asks about the epoch before its own.
            Passage::Ask { epoch } if self.rng.random_bool(0.3) => {
                let next = [epoch.next(), epoch.plus(2)];
                let chain =
                    next.map(|epoch| forged(usurped(&self.seen, epoch, scene.key), scene.key));
                said.push((from, Message::Passage(Passage::Chain(chain.to_vec()))));
            }
            Passage::Ask { .. } => {}
            Passage::Vote { .. } | Passage::Word(_) if self.old.len() < OLD_MAX => {
                self.old.push_back(passage.clone());
            }
            Passage::Vote { .. } | Passage::Word(_) => {}
        }
        said
    }
}

/// A certificate with the intruder's signature on every seat.
fn forged(handover: Handover, key: &SigningKey) -> Certificate {
    let vote = handover.sign(key);
    let seats = SiteId::all(handover.view.members().len());
    let all = seats.map(|seat| (seat, vote.signature));
    Certificate::new(handover, all)
}

/// A view of that epoch, in which the first seat is the intruder's and another one nobody's.
fn usurped(handover: &Handover, epoch: Epoch, key: &SigningKey) -> Handover {
    let view = &handover.view;
    let mut members = view.members().to_vec();
    members.retain(|member| member.key != key.public());
    if let Some(first) = members.first_mut() {
        first.key = key.public();
    }
    let resilience = view.resilience();
    let padded = members.first().cloned().into_iter().cycle();
    let missing = resilience.sites() - members.len();
    let extra = padded.take(missing).enumerate().map(|(place, mut own)| {
        own.name = format!("usurper{place}");
        own.key = SigningKey::mock(666 + place as u64).public();
        own.address = None;
        own
    });
    members.extend(extra);
    let next = View::new(*view.group(), epoch, resilience, members);
    Handover {
        view: next.unwrap_or_else(|_| view.clone()),
        ..handover.clone()
    }
}

/// What an intruded site tells a client that asks for later views.
pub(crate) fn forged_chain(replica: &Replica, key: &SigningKey) -> Vec<Certificate> {
    let Some(view) = replica.view() else {
        return Vec::new();
    };
    let handover = Handover {
        commit: 1,
        chain: Digest([6; 32]),
        view: view.clone(),
    };
    vec![forged(usurped(&handover, view.epoch().next(), key), key)]
}
