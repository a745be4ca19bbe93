use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_types::{Epoch, SiteId};

use crate::reliable::PAYLOAD_BYTES_MAX;

/// What the layer above asks of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command<C> {
    /// Forget all runs below this number, for ever.
    Close {
        /// The first run to keep.
        below: u64,
    },
    /// The link to this peer was down: what was said meanwhile may be lost.
    Reconnected(SiteId),
    /// Ask this of a run.
    Run {
        /// Which.
        number: u64,
        /// What.
        command: C,
    },
}

/// What hosts tell each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message<M> {
    /// Repeat to me what you have said.
    Again {
        /// The group's.
        epoch: Epoch,
        /// In runs from this one on.
        from_number: u64,
    },
    /// A run's message.
    Say {
        /// The group's.
        epoch: Epoch,
        /// The run.
        number: u64,
        /// Its message.
        message: M,
    },
}

/// What a host must not forget.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record<C, M> {
    /// A command that a run accepted.
    Asked {
        /// The run.
        number: u64,
        /// What it was asked.
        command: C,
    },
    /// Runs were closed.
    Closed {
        /// The first run that was kept.
        below: u64,
    },
    /// A message that counted.
    Heard {
        /// The run.
        number: u64,
        /// Over whose link.
        from: SiteId,
        /// What it said.
        message: M,
    },
}

impl<M> Message<M> {
    pub(super) const fn epoch(&self) -> Epoch {
        match self {
            Self::Again { epoch, .. } | Self::Say { epoch, .. } => *epoch,
        }
    }
}

impl<M: Wire> Wire for Message<M> {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Again { epoch, from_number } => {
                writer.u8(0);
                writer.epoch(*epoch);
                writer.u64(*from_number);
            }
            Self::Say {
                epoch,
                number,
                message,
            } => {
                writer.u8(1);
                writer.epoch(*epoch);
                writer.u64(*number);
                message.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Again {
                epoch: reader.epoch()?,
                from_number: reader.u64()?,
            },
            1 => Self::Say {
                epoch: reader.epoch()?,
                number: reader.u64()?,
                message: M::decode(reader)?,
            },
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}

/// A command of a service as it lies in a record.
pub trait Stored: Sized {
    /// Appends it.
    fn store(&self, writer: &mut Writer);

    /// Reads it.
    ///
    /// # Errors
    /// If the bytes are none.
    fn load(reader: &mut Reader) -> Result<Self, DecodeError>;
}

impl Stored for Bytes {
    fn store(&self, writer: &mut Writer) {
        writer.bytes(self);
    }

    fn load(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.bytes("payload", PAYLOAD_BYTES_MAX)
    }
}

impl Stored for bool {
    fn store(&self, writer: &mut Writer) {
        writer.bool(*self);
    }

    fn load(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.bool()
    }
}

impl Stored for () {
    fn store(&self, _: &mut Writer) {}

    fn load(_: &mut Reader) -> Result<Self, DecodeError> {
        Ok(())
    }
}

impl<C: Stored, M: Wire> Wire for Record<C, M> {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Asked { number, command } => {
                writer.u8(0);
                writer.u64(*number);
                command.store(writer);
            }
            Self::Closed { below } => {
                writer.u8(1);
                writer.u64(*below);
            }
            Self::Heard {
                number,
                from,
                message,
            } => {
                writer.u8(2);
                writer.u64(*number);
                writer.site(*from);
                message.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Asked {
                number: reader.u64()?,
                command: C::load(reader)?,
            },
            1 => Self::Closed {
                below: reader.u64()?,
            },
            2 => Self::Heard {
                number: reader.u64()?,
                from: reader.site()?,
                message: M::decode(reader)?,
            },
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}
