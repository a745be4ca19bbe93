//! Frames: how messages travel inside TLS.
//!
//! A frame is a header of four bytes, kind (one byte) and length of the body (three, little
//! endian), then the body. A message is cut into parts of exactly [`FRAME_BYTES_MAX`] and a last
//! part of 1 to [`FRAME_BYTES_MAX`] bytes; parts of different classes interleave. There is one
//! way to cut a message, so a peer cannot make us handle more frames than its bytes pay for.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::Class;
use crate::config::CLASSES;

/// The longest body of a frame, which is what one class can make another wait.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

pub(crate) const HEADER_BYTES: usize = 4;

const MORE: u8 = 0x10;
const PING: u8 = 0x20;
const PONG: u8 = 0x21;
const GOODBYE: u8 = 0x22;

/// Messages up to this length are copied out of the read buffer; a longer one is a slice of it. A
/// slice keeps the whole buffer (64 KiB and a frame) alive, so without the copy a peer could make
/// the core keep 64 KiB for each short message that it stores.
const COPY_BYTES_MAX: usize = 4 * 1024;

/// What arrives on a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Incoming {
    Message(Class, Bytes),
    Ping(u64),
    Pong(u64),
    Goodbye,
}

/// Why bytes are not frames. All of these prove the peer faulty, since TLS delivers what it sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A kind that does not exist.
    #[error("frame of unknown kind {0:#04x}")]
    Kind(u8),
    /// A length that the kind does not allow.
    #[error("frame of kind {kind:#04x} announces {length} bytes")]
    Length {
        /// The kind.
        kind: u8,
        /// What it announced.
        length: usize,
    },
    /// The parts of a message exceed what its class allows.
    #[error("message of class {0:?} exceeds the maximum")]
    TooLong(Class),
}

/// Appends one part of a message.
pub(crate) fn put_part(out: &mut BytesMut, class: Class, part: &[u8], more: bool) {
    let kind = class as u8 | if more { MORE } else { 0 };
    put_header(out, kind, part.len());
    out.put_slice(part);
}

pub(crate) fn put_ping(out: &mut BytesMut, nonce: u64) {
    put_header(out, PING, 8);
    out.put_u64_le(nonce);
}

pub(crate) fn put_pong(out: &mut BytesMut, nonce: u64) {
    put_header(out, PONG, 8);
    out.put_u64_le(nonce);
}

pub(crate) fn put_goodbye(out: &mut BytesMut) {
    put_header(out, GOODBYE, 0);
}

fn put_header(out: &mut BytesMut, kind: u8, length: usize) {
    let length = u32::try_from(length).expect("a frame is at most 64 KiB long");
    out.put_u32_le(u32::from(kind) << 24 | length);
}

/// Cuts received bytes into messages.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
    partial: [BytesMut; CLASSES],
}

impl Decoder {
    /// Where received bytes are appended, with room for at least `chunk` or the rest of the
    /// current frame.
    pub(crate) fn buffer(&mut self, chunk: usize) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < chunk / 4 {
            self.buffer.reserve(chunk);
        }
        &mut self.buffer
    }

    /// The next complete item, or `None` if more bytes are needed. After an error the link is of
    /// no more use.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, FrameError> {
        loop {
            let Some(header) = self.buffer.first_chunk::<HEADER_BYTES>() else {
                return Ok(None);
            };
            let [low, middle, high, kind] = *header;
            let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
            let class = Class::ALL.get(usize::from(kind & !MORE)).copied();
            let item = match class {
                Some(class) => {
                    self.check_part(class, kind, length)?;
                    if !self.body_arrived(length) {
                        return Ok(None);
                    }
                    self.take_part(class, kind & MORE != 0, length)
                }
                None => {
                    check_signal(kind, length)?;
                    if !self.body_arrived(length) {
                        return Ok(None);
                    }
                    Some(self.take_signal(kind))
                }
            };
            if item.is_some() {
                return Ok(item);
            }
        }
    }

    /// Judges a part by its header alone, before any of its bytes is kept.
    fn check_part(&self, class: Class, kind: u8, length: usize) -> Result<(), FrameError> {
        let more = kind & MORE != 0;
        if length == 0 || length > FRAME_BYTES_MAX || (more && length != FRAME_BYTES_MAX) {
            return Err(FrameError::Length { kind, length });
        }
        // At least one byte follows a part that is not the last.
        let total = self.assembled(class) + length + usize::from(more);
        if total > class.bytes_max() {
            return Err(FrameError::TooLong(class));
        }
        Ok(())
    }

    fn body_arrived(&mut self, length: usize) -> bool {
        let frame = HEADER_BYTES + length;
        if self.buffer.len() < frame {
            self.buffer.reserve(frame - self.buffer.len());
            return false;
        }
        true
    }

    fn assembled(&self, class: Class) -> usize {
        self.partial.get(class as usize).map_or(0, BytesMut::len)
    }

    fn take_part(&mut self, class: Class, more: bool, length: usize) -> Option<Incoming> {
        self.buffer.advance(HEADER_BYTES);
        let partial = self
            .partial
            .get_mut(class as usize)
            .expect("there is one per class");
        if more || !partial.is_empty() {
            partial.extend_from_slice(self.buffer.get(..length).unwrap_or_default());
            self.buffer.advance(length);
            return (!more).then(|| Incoming::Message(class, std::mem::take(partial).freeze()));
        }
        let body = if length <= COPY_BYTES_MAX {
            let body = Bytes::copy_from_slice(self.buffer.get(..length).unwrap_or_default());
            self.buffer.advance(length);
            body
        } else {
            self.buffer.split_to(length).freeze()
        };
        Some(Incoming::Message(class, body))
    }

    fn take_signal(&mut self, kind: u8) -> Incoming {
        self.buffer.advance(HEADER_BYTES);
        match kind {
            PING => Incoming::Ping(self.buffer.get_u64_le()),
            PONG => Incoming::Pong(self.buffer.get_u64_le()),
            _ => Incoming::Goodbye,
        }
    }
}

fn check_signal(kind: u8, length: usize) -> Result<(), FrameError> {
    let expected = match kind {
        PING | PONG => 8,
        GOODBYE => 0,
        _ => return Err(FrameError::Kind(kind)),
    };
    if length != expected {
        return Err(FrameError::Length { kind, length });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
