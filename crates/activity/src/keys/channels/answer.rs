use std::collections::BTreeSet;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::Power;

use super::request::{clients, read_clients};
use super::{CHANNELS_MAX, ChannelId, Class, Delivery, PAGE_MAX, TAG};
use crate::keys::record::wire::read_name;
use crate::keys::setup::{decode_power, encode_power};

/// The answer to a [`Request`](super::Request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To `Open`, `Close` and `Show`.
    Channel(Summary),
    /// To `List`, in the order in which they were opened.
    Channels(Vec<Summary>),
    /// To `Receive`.
    Page(Page),
    /// Nothing was done.
    Refused(Refusal),
    /// To `Send`: the message's position in the channel. It is decided.
    Sent {
        /// From 0.
        position: u64,
    },
}

/// What there is to say of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The channel.
    pub id: ChannelId,
    /// What people call it.
    pub name: String,
    /// What it promises.
    pub class: Class,
    /// The client key of who opened it.
    pub opener: u32,
    /// Who may send and receive.
    pub members: BTreeSet<u32>,
    /// Members that want it closed.
    pub closers: BTreeSet<u32>,
    /// Whether it takes no more messages.
    pub closed: bool,
    /// The position of the oldest message kept.
    pub first: u64,
    /// The position of the next message to be delivered.
    pub next: u64,
    /// Messages that are ordered and not open yet.
    pub waiting: u64,
    /// The sequence of the asker's next message.
    pub sequence: u64,
}

/// A part of a channel's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The position of the first one. Beyond the one asked for if those before are not kept any more.
    pub first: u64,
    /// At consecutive positions.
    pub deliveries: Vec<Delivery>,
    /// Whether nothing will come after these.
    pub end: bool,
}

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Too many messages wait to be opened. Send it again later.
    #[error("too many messages of this channel wait to be opened; send it again later")]
    Busy,
    /// The ciphertext is not sound under the channel's key for this sender and sequence.
    #[error("the ciphertext is not made for this channel, sender and sequence")]
    Ciphertext,
    /// The channel takes no more messages.
    #[error("the channel is closed")]
    Closed,
    /// The bytes are no request.
    #[error("the bytes are no request")]
    Malformed,
    /// A channel has 1 to [`MEMBERS_MAX`](super::MEMBERS_MAX) members, all of them clients.
    #[error("a channel has 1 to 64 members, all of them clients of the group")]
    Members,
    /// A name has 1 to 64 bytes.
    #[error("a channel's name has 1 to 64 bytes")]
    Name,
    /// An open channel has that name.
    #[error("an open channel has that name")]
    NameTaken,
    /// This client lacks a power.
    #[error("this client has not the power `{0}`")]
    NoPower(Power),
    /// There is no such channel, not any more, or not yet.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// There is no such key for sealing in use.
    #[error("there is no such key for sealing in use")]
    NoSuchKey,
    /// The channel does not name this client.
    #[error("this client is not a member of the channel")]
    NotAMember,
    /// Another sequence is this sender's next one: a lower one was sent already.
    #[error("the next message of this sender has sequence {next}")]
    OutOfSequence {
        /// The next one.
        next: u64,
    },
    /// The payload is too long.
    #[error("a payload has at most 16384 bytes")]
    TooLarge,
    /// There are as many channels as may be, or this client has opened as many as it may.
    #[error("there are as many open channels as there may be")]
    TooMany,
}

impl Wire for Answer {
    fn encode(&self, w: &mut Writer) {
        w.u8(TAG);
        match self {
            Self::Channel(summary) => {
                w.u8(1);
                summary.encode(w);
            }
            Self::Channels(all) => {
                w.u8(2);
                w.list(all);
            }
            Self::Page(page) => {
                w.u8(3);
                w.u64(page.first);
                w.list(&page.deliveries);
                w.bool(page.end);
            }
            Self::Refused(refusal) => {
                w.u8(4);
                refusal.encode(w);
            }
            Self::Sent { position } => {
                w.u8(5);
                w.u64(*position);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        if r.u8()? != TAG {
            return Err(DecodeError::Invalid { field: "tag" });
        }
        Ok(match r.u8()? {
            1 => Self::Channel(Summary::decode(r)?),
            2 => Self::Channels(r.list("channels", CHANNELS_MAX)?),
            3 => Self::Page(Page {
                first: r.u64()?,
                deliveries: r.list("deliveries", PAGE_MAX)?,
                end: r.bool()?,
            }),
            4 => Self::Refused(Refusal::decode(r)?),
            5 => Self::Sent { position: r.u64()? },
            _ => return Err(DecodeError::Invalid { field: "answer" }),
        })
    }
}

impl Wire for Summary {
    fn encode(&self, w: &mut Writer) {
        self.id.encode(w);
        w.bytes(self.name.as_bytes());
        self.class.encode(w);
        w.u32(self.opener);
        clients(w, &self.members);
        clients(w, &self.closers);
        w.bool(self.closed);
        for number in [self.first, self.next, self.waiting, self.sequence] {
            w.u64(number);
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            id: ChannelId::decode(r)?,
            name: read_name(r)?,
            class: Class::decode(r)?,
            opener: r.u32()?,
            members: read_clients(r)?,
            closers: read_clients(r)?,
            closed: r.bool()?,
            first: r.u64()?,
            next: r.u64()?,
            waiting: r.u64()?,
            sequence: r.u64()?,
        })
    }
}

impl Wire for Refusal {
    fn encode(&self, w: &mut Writer) {
        w.u8(match self {
            Self::Busy => 1,
            Self::Ciphertext => 2,
            Self::Closed => 3,
            Self::Malformed => 4,
            Self::Members => 5,
            Self::Name => 6,
            Self::NameTaken => 7,
            Self::NoPower(_) => 8,
            Self::NoSuchChannel => 9,
            Self::NoSuchKey => 10,
            Self::NotAMember => 11,
            Self::OutOfSequence { .. } => 12,
            Self::TooLarge => 13,
            Self::TooMany => 14,
        });
        match self {
            Self::NoPower(power) => encode_power(w, *power),
            Self::OutOfSequence { next } => w.u64(*next),
            _ => {}
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            1 => Self::Busy,
            2 => Self::Ciphertext,
            3 => Self::Closed,
            4 => Self::Malformed,
            5 => Self::Members,
            6 => Self::Name,
            7 => Self::NameTaken,
            8 => Self::NoPower(decode_power(r)?),
            9 => Self::NoSuchChannel,
            10 => Self::NoSuchKey,
            11 => Self::NotAMember,
            12 => Self::OutOfSequence { next: r.u64()? },
            13 => Self::TooLarge,
            14 => Self::TooMany,
            _ => return Err(DecodeError::Invalid { field: "refusal" }),
        })
    }
}
