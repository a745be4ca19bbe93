use bytes::{BufMut, Bytes, BytesMut};
use maftia_types::{ClientId, Digest, Epoch, Incarnation, Round, Sequence, SiteId};

use crate::Wire;

/// Builds an encoding.
#[derive(Debug, Default)]
pub struct Writer {
    buffer: BytesMut,
}

impl Writer {
    /// An empty encoding.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty encoding with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            buffer: BytesMut::with_capacity(capacity),
        }
    }

    /// The bytes so far, shared.
    pub fn finish(self) -> Bytes {
        self.buffer.freeze()
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The bytes so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.buffer
    }

    /// Raw bytes without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.buffer.put_u8(value);
    }

    /// A `u16`.
    pub fn u16(&mut self, value: u16) {
        self.buffer.put_u16_le(value);
    }

    /// A `u32`.
    pub fn u32(&mut self, value: u32) {
        self.buffer.put_u32_le(value);
    }

    /// A `u64`.
    pub fn u64(&mut self, value: u64) {
        self.buffer.put_u64_le(value);
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// A length.
    ///
    /// # Panics
    /// Above `u32::MAX`: every list that is written has a named bound far below it.
    pub fn length(&mut self, length: usize) {
        self.u32(u32::try_from(length).expect("bounded lists have fewer than 2^32 items"));
    }

    /// A byte field with its length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.raw(bytes);
    }

    /// A list with its length.
    pub fn list<T: Wire>(&mut self, items: &[T]) {
        self.length(items.len());
        for item in items {
            item.encode(self);
        }
    }

    /// An optional value.
    pub fn option<T: Wire>(&mut self, value: Option<&T>) {
        self.bool(value.is_some());
        if let Some(value) = value {
            value.encode(self);
        }
    }

    /// A digest.
    pub fn digest(&mut self, digest: &Digest) {
        self.raw(digest.as_bytes());
    }

    /// A site index.
    pub fn site(&mut self, site: SiteId) {
        self.u8(site.as_u8());
    }

    /// A round number.
    pub fn round(&mut self, round: Round) {
        self.u64(round.0);
    }

    /// An epoch number.
    pub fn epoch(&mut self, epoch: Epoch) {
        self.u64(epoch.0);
    }

    /// A request number.
    pub fn sequence(&mut self, sequence: Sequence) {
        self.u64(sequence.0);
    }

    /// A client's incarnation.
    pub fn incarnation(&mut self, incarnation: Incarnation) {
        self.u64(incarnation.0);
    }

    /// A client session.
    pub fn client(&mut self, client: ClientId) {
        self.u32(client.key);
        self.u32(client.session);
    }
}
