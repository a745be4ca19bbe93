//! Channels among sites: what one member sends, the members deliver, with the guarantees of the
//! channel's class.
//!
//! # Guarantees
//! Of correct members, of what correct members sent, and of what intruded ones did where it says so:
//!
//! | class | delivered by | if the sender is intruded | order |
//! |---|---|---|---|
//! | [`BestEffort`](Class::BestEffort) | whom the links reach | anything, to each another | none |
//! | [`Consistent`](Class::Consistent) | all | no two deliver differently; some may not deliver | none |
//! | [`Reliable`](Class::Reliable) | all | all deliver the same, or none does | none |
//! | [`Fifo`](Class::Fifo) | all | as reliable | each sender's, as it sent them |
//! | [`Causal`](Class::Causal) | all | as reliable; it may hide what it knew | and after all that the sender had delivered |
//!
//! - *Integrity*, in every class: each message once (again after a restart, see below), under the
//!   member whose link, or whose correct peers, vouch for it.
//! - *Certificate*: a consistent delivery carries one that convinces third parties.
//! - *End*: after [`Command::Close`] nothing more can be sent; [`Output::Closed`] says that a quorum has
//!   delivered all that was. [`Output::Ended`] is each member's end, after the last of its messages.
//!
//! One order for all messages takes a log: `maftia_activity::keys::channels` has the classes atomic and
//! secure-causal over that of a group.
//!
//! # Model
//! n ≥ 3f + 2c + 1 *members*, with f and c of the whole group: all intruded sites may be members.
//! Asynchronous; authenticated links that deliver in the end while both ends run, and otherwise after
//! [`Command::Reconnected`]. Best effort asks for nothing.
//!
//! # Intuition
//! Each message is a run of a broadcast of `maftia_agreement`, numbered by sender and sequence. What
//! is left to do is order, by holding messages back; flow, by counting what members have delivered;
//! and help for a member that is so far behind that the runs it needs are closed.
//!
//! # Messages
//! | message | asserts |
//! |---|---|
//! | `Plain(s, m)` | best effort: I send m as my message s |
//! | `Run(p, ...)` | about a message of p's, as its broadcast says |
//! | `Delivered(k)` | I have delivered the first k of your messages |
//! | `Ask(p, s)` | I am behind in p's messages: tell me those from s on |
//! | `Told(p, s, m)` | I have delivered m as message s of p |
//! | `Forgotten(p, s)` | I have delivered p's messages before s, and not kept them |
//!
//! # Rules
//! 1. Upon a command to send: take the next sequence, if a quorum has delivered all but the last
//!    [`AHEAD`] of the own messages; else refuse ([`SendError::Full`]): no f members can hold a sender
//!    back, and no sender outruns all.
//! 2. FIFO: deliver in sequence. Causal: each message carries how many of each member's its sender
//!    has delivered; deliver it after those. A correct sender names only what it has delivered, which
//!    all will; so a hostile one that names what nobody has stops its own messages and no others.
//! 3. A run is closed when [`BEHIND`] later ones are delivered. It was delivered by a quorum then, since
//!    without f + 1 correct members there is no broadcast so much later.
//! 4. Upon messages of f + 1 members about runs beyond the window: `Ask`, and again every [`ASK_EVERY`].
//! 5. Upon f + 1 equal `Told` for a message in turn: it is that; one of them is correct.
//! 6. Upon f + 1 `Forgotten` beyond the message in turn: say that it is missed, go on after.
//!
//! # Bounds
//! For each member: [`maftia_agreement::host::WINDOW`] runs, as many messages held back, the latest
//! [`KEPT_MAX`] or [`KEPT_BYTES_MAX`] delivered ones, and [`TOLD_MAX`] words of each other member.
//!
//! # Deviations
//! \[HT94\] has no flow control and no end; there a message is held for ever.
//!
//! # Complexity
//! That of the broadcast, and n short messages for `Delivered`. Best effort: n.
//!
//! # Duties of the caller
//! The duties of a driver (`maftia_protocol`). Route by [`Message::channel`]. A name is used for one
//! channel of a group's epoch. After a restart, the latest messages are delivered again with the same
//! sender and sequence: pass over those that are known.
//!
//! # Sources
//! \[HT94\] for the classes and causal order over FIFO; \[CKPS01 §3\], \[Bracha87\] for the broadcasts.
//!
//! # Example
//! `examples/classroom.rs` sends among four members over links in memory.

mod catch_up;
mod channel;
mod error;
mod frame;
mod members;
mod message;
mod order;
mod plain;
mod run;

pub use catch_up::{ASK_EVERY, KEPT_BYTES_MAX, KEPT_MAX, TOLD_MAX};
pub use channel::{AHEAD, BEHIND, Channel, Opening};
pub use error::{Misbehaviour, OpenError, SendError};
pub use frame::PAYLOAD_BYTES_MAX;
pub use message::{Body, Message, Record};
pub use run::RunMessage;

use maftia_agreement::consistent::MultiSignature;
use maftia_codec::Bytes;
use maftia_types::SiteId;

/// What a channel promises. See the [crate](self).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Sent once, to each.
    BestEffort,
    /// Reliable, and in causal order.
    Causal,
    /// No two deliver differently.
    Consistent,
    /// Reliable, and in the order of each sender.
    Fifo,
    /// All or none, and all alike.
    Reliable,
}

/// Which message of a channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MessageId {
    /// Who sent it.
    pub sender: SiteId,
    /// Which one of the sender's, from 0.
    pub sequence: u64,
}

/// A message at a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Which one.
    pub id: MessageId,
    /// What was sent.
    pub payload: Bytes,
    /// In a consistent channel, unless it came late from other members: the proof that no other
    /// payload was delivered anywhere, over [`Channel::statement`].
    pub certificate: Option<MultiSignature>,
}

/// What a channel is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Send no more. Again, it does nothing.
    Close,
    /// The link to this member was down: what was said meanwhile may be lost.
    Reconnected(SiteId),
    /// Send a payload.
    Send(Bytes),
}

/// What a channel gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// All that this member sent before it closed has been delivered by a quorum; with best effort, was
    /// sent.
    Closed,
    /// A message.
    Delivered(Delivery),
    /// A member has closed; it sent so many messages, and each was delivered here, or missed.
    Ended {
        /// Who.
        member: SiteId,
        /// How many.
        messages: u64,
    },
    /// Messages of this sender are nowhere to be had any more: this member was too far behind.
    Missed {
        /// Whose.
        sender: SiteId,
        /// The first one.
        from: u64,
        /// The first one after.
        to: u64,
    },
}
