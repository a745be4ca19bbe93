use std::cmp::Reverse;
use std::collections::BinaryHeap;

use maftia_types::Time;

/// What is still to happen, earliest first; at one instant in order of scheduling, timeouts after
/// everything else (the contract's "after the events that are already waiting").
///
/// The heap moves small keys only; the things themselves stay in their slot.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Reverse<Key>>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    sequence: u64,
}

/// Set in the sequence number of a timeout, so that it sorts behind its instant.
const LATE: u64 = 1 << 63;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    at: Time,
    sequence: u64,
    slot: u32,
}

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            sequence: 0,
        }
    }

    pub(crate) fn push(&mut self, at: Time, thing: T) {
        let sequence = self.sequence;
        self.insert(at, sequence, thing);
    }

    /// As `push`, behind all that is due at the same instant.
    pub(crate) fn push_late(&mut self, at: Time, thing: T) {
        let sequence = self.sequence | LATE;
        self.insert(at, sequence, thing);
    }

    pub(crate) fn pop(&mut self) -> Option<(Time, T)> {
        let Reverse(key) = self.heap.pop()?;
        let thing = self
            .slots
            .get_mut(key.slot as usize)
            .and_then(Option::take)
            .expect("a key in the heap owns a full slot");
        self.free.push(key.slot);
        Some((key.at, thing))
    }

    /// Moves what is chosen and later than `bound` to `bound`, in its old order.
    pub(crate) fn hurry(&mut self, bound: Time, chosen: impl Fn(&T) -> bool) {
        let mut keys = std::mem::take(&mut self.heap).into_sorted_vec();
        for Reverse(key) in keys.iter_mut().rev() {
            let thing = self.slots.get(key.slot as usize).and_then(Option::as_ref);
            if key.at > bound && thing.is_some_and(&chosen) {
                key.at = bound;
                key.sequence = self.sequence;
                self.sequence += 1;
            }
        }
        self.heap = keys.into();
    }

    pub(crate) fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(key)| key.at)
    }

    fn insert(&mut self, at: Time, sequence: u64, thing: T) {
        self.sequence += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 things are in flight")
        });
        *self
            .slots
            .get_mut(slot as usize)
            .expect("a free slot exists") = Some(thing);
        self.heap.push(Reverse(Key { at, sequence, slot }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_first_then_in_order_then_the_late() {
        let mut queue = Queue::new();
        let at = Time::from_nanos;
        queue.push(at(2), "d");
        queue.push_late(at(1), "c");
        queue.push(at(1), "a");
        queue.push(at(1), "b");
        assert_eq!(queue.next_at(), Some(at(1)));
        let order: String = std::iter::from_fn(|| queue.pop().map(|(_, thing)| thing)).collect();
        assert_eq!(order, "abcd");
    }

    #[test]
    fn hurried_things_keep_their_order_and_spare_the_others() {
        let mut queue = Queue::new();
        for (at, thing) in [(9, 'x'), (8, 'b'), (9, 'c'), (2, 'a'), (7, 'X')] {
            queue.push(Time::from_nanos(at), thing);
        }
        queue.hurry(Time::from_nanos(5), |thing| thing.is_ascii_lowercase());
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        let expected = [(2, 'a'), (5, 'b'), (5, 'x'), (5, 'c'), (7, 'X')];
        assert_eq!(
            order,
            expected.map(|(at, thing)| (Time::from_nanos(at), thing))
        );
    }

    #[test]
    fn slots_are_used_again() {
        let mut queue = Queue::new();
        for round in 0..100 {
            queue.push(Time::from_nanos(round), round);
            assert_eq!(queue.pop(), Some((Time::from_nanos(round), round)));
        }
        assert_eq!(queue.slots.len(), 1);
    }
}
