use maftia_agreement::host;
use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_types::{Digest, SiteId};

use crate::RunMessage;
use crate::frame::PAYLOAD_BYTES_MAX;

/// The longest frame: a payload, and the causal past of 64 members.
const FRAME_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 1024;

/// What members of a channel tell each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Which channel: [`Channel::id`](crate::Channel::id).
    pub channel: Digest,
    /// What.
    pub body: Body,
}

/// What is said; see the [crate](crate). Members are named by seat: their place among the members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Tell me messages of a sender from one on.
    Ask {
        /// Whose.
        sender: SiteId,
        /// The first one.
        from: u64,
    },
    /// So many of your messages are delivered here.
    Delivered {
        /// From the first on, without gaps.
        count: u64,
    },
    /// Messages of a sender before this one are delivered here, and not kept.
    Forgotten {
        /// Whose.
        sender: SiteId,
        /// The first one kept.
        oldest: u64,
    },
    /// Best effort: a message.
    Plain {
        /// Which one of the sender's.
        sequence: u64,
        /// Encoded, as in a run.
        frame: Bytes,
    },
    /// About a message whose broadcast goes on.
    Run {
        /// Whose.
        sender: SiteId,
        /// About which one, and what.
        message: host::Message<RunMessage>,
    },
    /// This message of a sender is delivered here.
    Told {
        /// Whose.
        sender: SiteId,
        /// Which one.
        sequence: u64,
        /// What was broadcast.
        frame: Bytes,
    },
}

/// What a channel must not forget.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// Best effort: sequences below this one may have been used.
    Reserved {
        /// The first one that was not.
        below: u64,
    },
    /// Of the broadcasts of one member's messages.
    Run {
        /// The sender's seat.
        sender: SiteId,
        /// What.
        record: host::Record<Bytes, RunMessage>,
    },
}

impl Wire for Record {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Reserved { below } => {
                writer.u8(0);
                writer.u64(*below);
            }
            Self::Run { sender, record } => {
                writer.u8(1);
                writer.site(*sender);
                record.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Reserved {
                below: reader.u64()?,
            },
            1 => Self::Run {
                sender: reader.site()?,
                record: host::Record::decode(reader)?,
            },
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}

impl Wire for Message {
    fn encode(&self, writer: &mut Writer) {
        writer.digest(&self.channel);
        match &self.body {
            Body::Ask { sender, from } => {
                writer.u8(0);
                writer.site(*sender);
                writer.u64(*from);
            }
            Body::Delivered { count } => {
                writer.u8(1);
                writer.u64(*count);
            }
            Body::Forgotten { sender, oldest } => {
                writer.u8(2);
                writer.site(*sender);
                writer.u64(*oldest);
            }
            Body::Plain { sequence, frame } => {
                writer.u8(3);
                writer.u64(*sequence);
                writer.bytes(frame);
            }
            Body::Run { sender, message } => {
                writer.u8(4);
                writer.site(*sender);
                message.encode(writer);
            }
            Body::Told {
                sender,
                sequence,
                frame,
            } => {
                writer.u8(5);
                writer.site(*sender);
                writer.u64(*sequence);
                writer.bytes(frame);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let channel = reader.digest()?;
        let body = match reader.u8()? {
            0 => Body::Ask {
                sender: reader.site()?,
                from: reader.u64()?,
            },
            1 => Body::Delivered {
                count: reader.u64()?,
            },
            2 => Body::Forgotten {
                sender: reader.site()?,
                oldest: reader.u64()?,
            },
            3 => Body::Plain {
                sequence: reader.u64()?,
                frame: reader.bytes("frame", FRAME_BYTES_MAX)?,
            },
            4 => Body::Run {
                sender: reader.site()?,
                message: host::Message::decode(reader)?,
            },
            5 => Body::Told {
                sender: reader.site()?,
                sequence: reader.u64()?,
                frame: reader.bytes("frame", FRAME_BYTES_MAX)?,
            },
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        };
        Ok(Self { channel, body })
    }
}
