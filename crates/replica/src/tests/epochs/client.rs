//! The client of a group whose sites change.

use bytes::Bytes;
use maftia_activity::kv;
use maftia_codec::Wire;
use maftia_membership::membership::Operation;
use maftia_membership::{Change, Edit, MEMBERSHIP};
use maftia_protocol::Protocol;
use maftia_types::{Incarnation, Sequence};

use super::machine::Machine;
use super::world::World;
use crate::{Bodies, ClientMessage, Command, Span};

/// The client key that asks in these tests.
const CLIENT: u32 = 0;

impl World {
    /// Asks all machines for something.
    pub(super) fn ask(&mut self, operation: &[u8]) {
        let number = self.asked.len() as u64 + 1;
        let bodies = Bodies::new([&Bytes::copy_from_slice(operation)]);
        self.asked.insert(number, bodies);
        self.submit(number);
    }

    fn submit(&mut self, number: u64) {
        let bodies = self.asked[&number].clone();
        for of in (0..self.machines.len())
            .filter(|of| !self.machines[*of].off)
            .collect::<Vec<_>>()
        {
            let message = ClientMessage::Submit {
                session: 0,
                incarnation: Incarnation(1),
                batches: vec![(Span::one(Sequence(number)), bodies.clone())],
            };
            let command = Command::Client {
                key: CLIENT,
                message,
            };
            let Ok(step) = self.machines[of].replica.command(self.now, command);
            self.perform(of, step);
        }
    }

    /// Asks again, as clients do, until everything is executed, and all that serve are as far.
    pub(super) fn finish(&mut self) {
        for _ in 0..200 {
            let open = self
                .asked
                .keys()
                .filter(|own| !self.executed.contains_key(own));
            let open: Vec<u64> = open.copied().collect();
            let serving = self.machines.iter().filter(|own| own.is_seated());
            let positions: Vec<u64> = serving.map(|own| own.replica.status().position).collect();
            if open.is_empty() && positions.iter().all(|own| *own == self.asked.len() as u64) {
                return;
            }
            open.into_iter().for_each(|number| self.submit(number));
            self.run(50);
        }
        let states: Vec<String> = self.machines.iter().map(Machine::describe).collect();
        panic!(
            "{} of {}: {}",
            self.executed.len(),
            self.asked.len(),
            states.concat()
        );
    }

    /// Asks for something and gives the answer.
    pub(super) fn answer(&mut self, operation: &[u8]) -> Bytes {
        self.ask(operation);
        self.finish();
        self.results[&(self.asked.len() as u64)].clone()
    }

    pub(super) fn put(&mut self, key: &str) {
        self.ask(&kv::Operation::put(key.to_owned(), "value").to_bytes());
    }

    pub(super) fn propose(&mut self, edits: Vec<Edit>, f: Option<u8>) {
        let mut operation = vec![MEMBERSHIP];
        operation.extend_from_slice(&Operation::Propose(Change { edits, f }).to_bytes());
        self.ask(&operation);
        self.run(40);
    }
}
