//! Who holds the shares.

use maftia_codec::Wire;
use maftia_replica::{Fate, RequestId};
use maftia_simulator::{Observation, Property, Violation};
use maftia_types::Time;

use super::{Seen, broken};
use crate::book;
use crate::speaks::Speaks;
use crate::views::history::Shared;
use crate::views::host::Host;
use crate::views::seats::{SEATS, Shares};

/// What the state machine holds by seat is what the view says.
pub(crate) struct Holders {
    history: Shared,
    book: book::Shared,
}

impl Holders {
    pub(crate) fn new(history: &Shared, book: &book::Shared) -> Self {
        Self {
            history: history.clone(),
            book: book.clone(),
        }
    }
}

impl Property<Host> for Holders {
    fn name(&self) -> &str {
        "shares"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        let Observation::Output { output, .. } = seen else {
            return Ok(());
        };
        let Some((client, incarnation, replies)) = Host::replies(output) else {
            return Ok(());
        };
        for reply in replies {
            let id = RequestId {
                client,
                incarnation,
                sequence: reply.sequence,
            };
            let book = self.book.borrow();
            let asked = book.asked.get(&id);
            let is_question = asked.is_some_and(|own| own.bodies.iter().any(|b| b[..] == [SEATS]));
            let Fate::Executed { result, .. } = &reply.fate else {
                continue;
            };
            if !is_question {
                continue;
            }
            let Ok(shares) = Shares::from_bytes(result.clone()) else {
                continue;
            };
            let mut history = self.history.borrow_mut();
            history.rare.shares_shown += 1;
            let held = history
                .views
                .get(&shares.epoch)
                .map(|(view, _)| view.keys());
            if held.as_ref() != Some(&shares.held) {
                return broken(
                    "shares",
                    format!("{held:?} have seats, {:?} shares", shares.held),
                );
            }
        }
        Ok(())
    }
}
