use std::collections::BTreeMap;

use maftia_agreement::consistent::MultiSignature;
use maftia_protocol::planted;
use maftia_types::SiteId;

use crate::Class;
use crate::frame::Frame;

/// What has come of each member's messages, and what waits for its turn.
#[derive(Debug)]
pub(crate) struct Order {
    class: Class,
    /// By seat.
    queues: Vec<Queue>,
}

#[derive(Default, Debug)]
struct Queue {
    /// All before were delivered, or are missed.
    next: u64,
    /// At `next` and behind. `None`: delivered already, though not in turn.
    held: BTreeMap<u64, Option<Held>>,
}

/// A message that has come.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) frame: Frame,
    pub(crate) certificate: Option<MultiSignature>,
}

/// A message in its turn.
pub(crate) type Turn = (SiteId, u64, Held);

impl Order {
    pub(crate) fn new(class: Class, members: usize) -> Self {
        Self {
            class,
            queues: std::iter::repeat_with(Queue::default)
                .take(members)
                .collect(),
        }
    }

    /// How many of a member's messages were delivered without a gap.
    pub(crate) fn next(&self, sender: SiteId) -> u64 {
        self.queues.get(sender.index()).map_or(0, |own| own.next)
    }

    /// The same of each, by seat: what a causal message depends on.
    pub(crate) fn past(&self) -> Vec<u64> {
        self.queues.iter().map(|own| own.next).collect()
    }

    /// Goes on behind messages that are missed, or were delivered in an earlier life.
    pub(crate) fn skip(&mut self, sender: SiteId, to: u64) {
        if let Some(own) = self.queues.get_mut(sender.index())
            && own.next < to
        {
            own.next = to;
            own.held = own.held.split_off(&to);
        }
    }

    /// Takes a message; not twice.
    pub(crate) fn take(&mut self, sender: SiteId, sequence: u64, held: Held) {
        if let Some(own) = self.queues.get_mut(sender.index())
            && sequence >= own.next
        {
            own.held.entry(sequence).or_insert(Some(held));
        }
    }

    /// What can be delivered now (rule 2).
    pub(crate) fn ready(&mut self) -> Vec<Turn> {
        let mut turns = Vec::new();
        loop {
            let before = turns.len();
            for place in 0..self.queues.len() {
                self.advance(place, &mut turns);
            }
            if turns.len() == before {
                return turns;
            }
        }
    }

    fn advance(&mut self, place: usize, turns: &mut Vec<Turn>) {
        let Some(sender) = u8::try_from(place).ok().and_then(SiteId::new) else {
            return;
        };
        if self.class.is_unordered() || planted("out of turn") {
            self.unordered(sender, turns);
        }
        loop {
            let past = self.past();
            let Some(own) = self.queues.get_mut(place) else {
                return;
            };
            let held = match own.held.get(&own.next) {
                None => return,
                Some(Some(held)) if !self.class.is_due(&held.frame, &past) => return,
                Some(_) => own.held.remove(&own.next).flatten(),
            };
            own.next += 1;
            turns.extend(held.map(|held| (sender, own.next - 1, held)));
        }
    }

    /// What needs no turn: all but the end.
    fn unordered(&mut self, sender: SiteId, turns: &mut Vec<Turn>) {
        let Some(own) = self.queues.get_mut(sender.index()) else {
            return;
        };
        for (sequence, held) in &mut own.held {
            if held.as_ref().is_some_and(|it| it.frame.payload.is_some())
                && let Some(held) = held.take()
            {
                turns.push((sender, *sequence, held));
            }
        }
    }
}

impl Class {
    /// Whether messages are delivered as they come.
    pub(crate) const fn is_unordered(self) -> bool {
        matches!(self, Self::Reliable | Self::Consistent)
    }

    /// Whether what a message in its sender's turn depends on has been delivered.
    fn is_due(self, frame: &Frame, past: &[u64]) -> bool {
        self != Self::Causal
            || planted("causal past ignored")
            || frame.past.iter().zip(past).all(|(needs, has)| needs <= has)
    }
}
