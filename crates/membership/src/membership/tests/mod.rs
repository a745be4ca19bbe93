use core::num::NonZeroU8;

use maftia_activity::replication::Context;
use maftia_codec::{Bytes, Wire as _};
use maftia_types::{ClientId, Digest, Epoch, SiteId};

use super::*;
use crate::change::{Change, ChangeError};
use crate::samples::{add, change, change_to, id, key, name, remove, replace, view};

mod decision;
mod duration;
mod encoding;
mod renewal;

/// Time of the first requests.
const START_MS: u64 = 1_000_000;

/// A group with its ordered state, and who asks it.
struct Group {
    state: Membership,
    now_ms: u64,
    convicted: Vec<SiteId>,
    clients: Vec<String>,
}

impl Group {
    fn new(n: u8, f: usize, approvals: u8) -> Self {
        let approvals = NonZeroU8::new(approvals).unwrap();
        Self {
            state: Membership::new(view(n, f), Policy { approvals }),
            now_ms: START_MS,
            convicted: Vec::new(),
            clients: Vec::new(),
        }
    }

    /// A client with the power over members asks.
    fn ask(&mut self, client: u32, operation: &Operation) -> Answer {
        self.ask_with(client, true, operation.to_bytes())
    }

    fn ask_with(&mut self, client: u32, power: bool, operation: Bytes) -> Answer {
        let context = Context {
            position: 1,
            commit_time_ms: self.now_ms,
            client: ClientId {
                key: client,
                session: 3,
            },
        };
        let asked = Asked {
            context: &context,
            power,
            convicted: &|site| self.convicted.contains(&site),
            reserved: &|member| self.clients.contains(&member.name),
        };
        let answer = self.state.apply(&asked, &operation);
        // Whatever was asked leaves a state with one encoding.
        let bytes = self.state.to_bytes();
        assert_eq!(Membership::from_bytes(bytes), Ok(self.state.clone()));
        Answer::from_bytes(answer.into()).expect("an answer decodes")
    }

    fn propose(&mut self, client: u32, change: &Change) -> Answer {
        self.ask(client, &Operation::Propose(change.clone()))
    }

    fn approve(&mut self, client: u32, proposal: u64) -> Answer {
        self.ask(client, &Operation::Approve(proposal))
    }

    /// The change is under way, at once.
    fn authorise(&mut self, change: &Change) -> u64 {
        match self.propose(0, change) {
            Answer::Proposed {
                proposal,
                standing: Standing::Authorised,
            } => proposal,
            answer => panic!("{answer:?}"),
        }
    }

    fn tick(&mut self, time_ms: u64) -> Option<Aborted> {
        self.now_ms = time_ms;
        self.state.tick(7, time_ms)
    }

    fn shown(&mut self) -> State {
        match self.ask_with(9, false, Operation::Show.to_bytes()) {
            Answer::State(state) => *state,
            answer => panic!("{answer:?}"),
        }
    }
}

fn authorised(proposal: u64) -> Answer {
    Answer::Proposed {
        proposal,
        standing: Standing::Authorised,
    }
}

fn proposed(proposal: u64, missing: u8) -> Answer {
    Answer::Proposed {
        proposal,
        standing: Standing::Missing(missing),
    }
}

fn approved(proposal: u64, standing: Standing) -> Answer {
    Answer::Approved { proposal, standing }
}

fn refused(refusal: impl Into<Refusal>) -> Answer {
    Answer::Refused(refusal.into())
}
