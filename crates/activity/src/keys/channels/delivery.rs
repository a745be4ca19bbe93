use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::PAYLOAD_BYTES_MAX;

/// A message at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The client key of who sent it.
    pub sender: u32,
    /// Which one of this sender's, from 1.
    pub sequence: u64,
    /// When it was ordered, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What was sent, or why nobody gets it.
    pub content: Result<Bytes, Loss>,
}

/// Why a message that was ordered has no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Loss {
    /// The key was retired before the message was opened.
    #[error("the channel's key was retired before the message was opened")]
    KeyGone,
    /// Whoever sent it made it so that it has no content.
    #[error("the sender made it so that it cannot be read")]
    Unreadable,
}

impl Wire for Delivery {
    fn encode(&self, w: &mut Writer) {
        w.u32(self.sender);
        w.u64(self.sequence);
        w.u64(self.at_ms);
        encode_content(&self.content, w);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            sender: r.u32()?,
            sequence: r.u64()?,
            at_ms: r.u64()?,
            content: decode_content(r)?,
        })
    }
}

/// Appends what [`decode_content`] reads.
pub(super) fn encode_content(content: &Result<Bytes, Loss>, w: &mut Writer) {
    match content {
        Ok(payload) => {
            w.u8(1);
            w.bytes(payload);
        }
        Err(Loss::KeyGone) => w.u8(2),
        Err(Loss::Unreadable) => w.u8(3),
    }
}

pub(super) fn decode_content(r: &mut Reader) -> Result<Result<Bytes, Loss>, DecodeError> {
    Ok(match r.u8()? {
        1 => Ok(r.bytes("payload", PAYLOAD_BYTES_MAX)?),
        2 => Err(Loss::KeyGone),
        3 => Err(Loss::Unreadable),
        _ => return Err(DecodeError::Invalid { field: "content" }),
    })
}
