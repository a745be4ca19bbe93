//! One canonical, bounded encoding for everything that is signed, sent or stored.
//!
//! # Guarantees
//! - **One value, one encoding.** Integers are fixed-width little-endian, lengths are `u32`, an
//!   option is one byte 0 or 1, and trailing bytes are refused: two different byte strings never
//!   decode to equal values.
//! - **Bounded.** Every variable-length field is read with its own named maximum, checked before
//!   anything is copied; a decoder never allocates more than it has read.
//! - **Shared.** [`Reader`] runs over [`Bytes`], and a byte field is a slice of the same buffer:
//!   decoding a block does not copy its payload.
//! - **Total.** Decoding arbitrary bytes gives a value or a [`DecodeError`], never a panic.
//!
//! ```
//! use maftia_codec::{Wire, DecodeError, Reader, Writer};
//! #[derive(PartialEq, Debug)]
//! struct Vote { round: u64, yes: bool }
//! impl Wire for Vote {
//!     fn encode(&self, w: &mut Writer) { w.u64(self.round); w.bool(self.yes); }
//!     fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
//!         Ok(Self { round: r.u64()?, yes: r.bool()? })
//!     }
//! }
//! let bytes = Vote { round: 7, yes: true }.to_bytes();
//! assert_eq!(Vote::from_bytes(bytes), Ok(Vote { round: 7, yes: true }));
//! ```

mod reader;
mod writer;

pub use bytes::Bytes;
pub use reader::{DecodeError, Reader};
pub use writer::Writer;

/// A type with one canonical encoding.
pub trait Wire: Sized {
    /// Appends the encoding.
    fn encode(&self, writer: &mut Writer);

    /// Reads one value, leaving what follows it.
    ///
    /// # Errors
    /// If the bytes are not the canonical encoding of a value within its limits.
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError>;

    /// The encoding as a buffer of its own.
    fn to_bytes(&self) -> Bytes {
        let mut writer = Writer::new();
        self.encode(&mut writer);
        writer.finish()
    }

    /// Reads one value and refuses trailing bytes.
    ///
    /// # Errors
    /// As [`Wire::decode`], and if bytes are left over.
    fn from_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode(&mut reader)?;
        reader.end()?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
