//! The contract every protocol of the suite is written against: event in, [`Step`] out.
//!
//! A protocol is a deterministic state machine. It reads no clock, no random source, no socket and
//! no file; the same state, `now` and event give the same step. A *driver* (the site daemon, the
//! simulator, a fuzzer) feeds it events and performs its steps.
//!
//! # Duties of the driver
//! 1. Give [`Protocol::handle`] only messages that came over an authenticated link and passed the
//!    protocol's own `verify`.
//! 2. Perform a step in order: queue `records` for the log; send messages marked
//!    [`Release::Now`]; once the records of this and all earlier steps are durable, send the other
//!    messages and hand up the outputs. It need not wait before feeding the next event.
//! 3. Deliver a message to [`Target::All`] also to the sender itself, in memory, once it is
//!    durable.
//! 4. Feed [`Event::Timeout`] when [`Protocol::next_timeout`] has come, after the events that are
//!    already waiting: a protocol that asks for a timeout at `now` means "when you are done with
//!    what is at hand".
//!
//! # Duties of a protocol
//! Local callers get a `Result` and an `Err` leaves the state unchanged; the network never gets
//! one: a remote message makes progress, is ignored, or yields a [`Fault`](maftia_types::Fault).

mod plant;
mod step;

#[cfg(feature = "danger-planted-bugs")]
pub use plant::plant;
pub use plant::planted;
pub use step::{Outgoing, Release, Step, Target};

use maftia_types::{SiteId, Time};

/// A protocol as a pure state machine.
pub trait Protocol: Sized {
    /// What the layer above asks for.
    type Command;
    /// What is exchanged with peers: bounded, decoded, authenticated, verified.
    type Message;
    /// What is given to the layer above.
    type Output;
    /// What must be durable before the step's effects; a constructor rebuilds the state from them.
    type Record;
    /// What this protocol can blame a peer for.
    type Misbehaviour;
    /// What the local caller can get wrong.
    type Error;

    /// A request of the layer above.
    ///
    /// # Errors
    /// If the caller asked for something the protocol cannot do; the state is then unchanged.
    fn command(&mut self, now: Time, command: Self::Command) -> Result<Step<Self>, Self::Error>;

    /// A message of a peer, or the passing of time.
    fn handle(&mut self, now: Time, event: Event<Self::Message>) -> Step<Self>;

    /// When to feed the next [`Event::Timeout`]; pulled by the driver after each call.
    fn next_timeout(&self) -> Option<Time> {
        None
    }
}

/// What happens to a protocol from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event<M> {
    /// A verified message.
    Message {
        /// The peer at the other end of the link, which need not be the author of what it relays.
        from: SiteId,
        /// What it sent.
        message: M,
    },
    /// The deadline of [`Protocol::next_timeout`] has come.
    Timeout,
}

#[cfg(test)]
mod tests;
