use bytes::{Buf, Bytes};
use maftia_types::{ClientId, Digest, Epoch, Incarnation, Round, Sequence, SiteId};

use crate::Wire;

/// Why bytes were refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A field holds a value that its type does not have.
    #[error("field `{field}` holds a value outside its range")]
    Invalid {
        /// The field.
        field: &'static str,
    },
    /// The bytes end inside a field.
    #[error("the bytes end inside a field")]
    Short,
    /// A length exceeds the field's maximum.
    #[error("field `{field}` announces {length} items, at most {max} are allowed")]
    TooLong {
        /// The field.
        field: &'static str,
        /// What it announced.
        length: usize,
        /// What is allowed.
        max: usize,
    },
    /// Bytes follow the value.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
}

/// A cursor over received bytes.
#[derive(Clone, Debug)]
pub struct Reader {
    rest: Bytes,
}

impl Reader {
    /// Reads from the start of `bytes`.
    pub const fn new(bytes: Bytes) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> Bytes {
        self.rest.split_to(self.rest.len())
    }

    /// Succeeds if nothing is left.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] otherwise.
    pub fn end(&self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing(left)),
        }
    }

    /// The next `length` bytes as a slice of the same buffer.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if self.rest.len() < length {
            return Err(DecodeError::Short);
        }
        Ok(self.rest.split_to(length))
    }

    /// A fixed number of bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let array = *self.rest.first_chunk::<N>().ok_or(DecodeError::Short)?;
        self.rest.advance(N);
        Ok(array)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_le_bytes)
    }

    /// A `u16`.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    /// A `u32`.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A `u64`.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A boolean: one byte, 0 or 1.
    ///
    /// # Errors
    /// [`DecodeError::Short`] or [`DecodeError::Invalid`].
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Invalid { field: "bool" }),
        }
    }

    /// A length within `max`, as [`crate::Writer::length`] wrote it.
    ///
    /// # Errors
    /// [`DecodeError::Short`] or [`DecodeError::TooLong`].
    pub fn length(&mut self, field: &'static str, max: usize) -> Result<usize, DecodeError> {
        let length = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if length > max {
            return Err(DecodeError::TooLong { field, length, max });
        }
        Ok(length)
    }

    /// A byte field of at most `max` bytes, as a slice of the same buffer.
    ///
    /// # Errors
    /// [`DecodeError::Short`] or [`DecodeError::TooLong`].
    pub fn bytes(&mut self, field: &'static str, max: usize) -> Result<Bytes, DecodeError> {
        let length = self.length(field, max)?;
        self.take(length)
    }

    /// A list of at most `max` values. Grows as items are read, never ahead of them.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`], or what an item's decoder says.
    pub fn list<T: Wire>(
        &mut self,
        field: &'static str,
        max: usize,
    ) -> Result<Vec<T>, DecodeError> {
        let length = self.length(field, max)?;
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(T::decode(self)?);
        }
        Ok(items)
    }

    /// An optional value: a boolean, then the value if it is true.
    ///
    /// # Errors
    /// What the boolean's or the value's decoder says.
    pub fn option<T: Wire>(&mut self) -> Result<Option<T>, DecodeError> {
        if self.bool()? {
            T::decode(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A digest.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn digest(&mut self) -> Result<Digest, DecodeError> {
        self.array().map(Digest)
    }

    /// A site index.
    ///
    /// # Errors
    /// [`DecodeError::Short`] or [`DecodeError::Invalid`].
    pub fn site(&mut self) -> Result<SiteId, DecodeError> {
        SiteId::new(self.u8()?).ok_or(DecodeError::Invalid { field: "site" })
    }

    /// A round number.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn round(&mut self) -> Result<Round, DecodeError> {
        self.u64().map(Round)
    }

    /// An epoch number.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn epoch(&mut self) -> Result<Epoch, DecodeError> {
        self.u64().map(Epoch)
    }

    /// A request number.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn sequence(&mut self) -> Result<Sequence, DecodeError> {
        self.u64().map(Sequence)
    }

    /// A client's incarnation.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn incarnation(&mut self) -> Result<Incarnation, DecodeError> {
        self.u64().map(Incarnation)
    }

    /// A client session.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn client(&mut self) -> Result<ClientId, DecodeError> {
        Ok(ClientId {
            key: self.u32()?,
            session: self.u32()?,
        })
    }
}
