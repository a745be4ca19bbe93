use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher};
use maftia_types::{ClientId, Digest, Incarnation, Sequence};

use crate::limits::REQUEST_BYTES_MAX;

const BATCH: Domain = Domain::new("client requests");

/// Most requests in one batch: a reader of a batch holds all of them.
pub const BATCH_REQUESTS_MAX: u32 = 256;
/// Longest [`Bodies`]: one longest request with its length always fits.
pub const BATCH_BYTES_MAX: usize = REQUEST_BYTES_MAX + 4;

/// Names a request of a client: at most one body is ever executed under it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RequestId {
    /// Whose.
    pub client: ClientId,
    /// In which of its lives.
    pub incarnation: Incarnation,
    /// Which one.
    pub sequence: Sequence,
}

/// Consecutive numbers of requests: at least one, at most [`BATCH_REQUESTS_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span {
    first: Sequence,
    count: u32,
}

/// Names consecutive requests of one session that are submitted and vouched for as one. Requests
/// may be in several batches; each is executed once all the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BatchId {
    /// Whose.
    pub client: ClientId,
    /// In which of its lives.
    pub incarnation: Incarnation,
    /// Which requests.
    pub span: Span,
}

/// The bodies of a batch in one piece, each after its length: what a digest is taken of in one go,
/// and what is copied from message to payload as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bodies(Bytes);

impl Span {
    /// These numbers; none if there are none, too many, or some beyond the last there is.
    pub fn new(first: Sequence, count: u32) -> Option<Self> {
        let fits = (1..=BATCH_REQUESTS_MAX).contains(&count);
        let last = first.0.checked_add(u64::from(count));
        (fits && last.is_some()).then_some(Self { first, count })
    }

    /// A single number. The very last one there is has no successor and is nobody's.
    pub fn one(first: Sequence) -> Self {
        let first = Sequence(first.0.min(u64::MAX - 1));
        Self { first, count: 1 }
    }

    /// The last in order of those that begin with this number.
    pub(crate) const fn longest(first: Sequence) -> Self {
        let count = BATCH_REQUESTS_MAX;
        Self { first, count }
    }

    /// The first number.
    pub const fn first(&self) -> Sequence {
        self.first
    }

    /// How many.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The last number.
    pub fn last(&self) -> Sequence {
        self.first.plus(u64::from(self.count) - 1)
    }

    /// All numbers.
    pub fn numbers(self) -> impl Iterator<Item = Sequence> {
        (0..u64::from(self.count)).map(move |offset| self.first.plus(offset))
    }

    /// Whether the number is among them.
    pub fn contains(&self, sequence: Sequence) -> bool {
        (self.first..=self.last()).contains(&sequence)
    }
}

impl BatchId {
    /// The batch of a single request.
    pub fn one(id: &RequestId) -> Self {
        Self {
            client: id.client,
            incarnation: id.incarnation,
            span: Span::one(id.sequence),
        }
    }

    /// The name of one of its requests.
    pub const fn request(&self, sequence: Sequence) -> RequestId {
        RequestId {
            client: self.client,
            incarnation: self.incarnation,
            sequence,
        }
    }

    /// What a vouch binds: the names of the requests and their bodies. BLAKE3 takes 0.8 µs for a
    /// batch of one request of 512 B and 0.1 µs a request for a batch of many.
    pub fn digest(&self, bodies: &Bodies) -> Digest {
        let mut hasher = self.hasher();
        hasher.update(&bodies.0);
        hasher.finish()
    }

    fn hasher(&self) -> Hasher {
        let mut hasher = Hasher::new(BATCH);
        hasher
            .number(u64::from(self.client.key) << 32 | u64::from(self.client.session))
            .number(self.incarnation.0)
            .number(self.span.first.0)
            .number(u64::from(self.span.count));
        hasher
    }
}

/// The digest of the batch of a single request.
pub fn request_digest(id: &RequestId, body: &[u8]) -> Digest {
    let mut hasher = BatchId::one(id).hasher();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    hasher.update(&length.to_le_bytes()).update(body);
    hasher.finish()
}

impl Bodies {
    /// Puts bodies together.
    pub fn new<'a>(bodies: impl IntoIterator<Item = &'a Bytes>) -> Self {
        let mut writer = Writer::new();
        bodies.into_iter().for_each(|body| writer.bytes(body));
        Self(writer.finish())
    }

    /// The bodies, if there are exactly `count` of allowed length and nothing else. Slices, not
    /// copies.
    pub fn split(&self, count: u32) -> Option<Vec<Bytes>> {
        let mut reader = Reader::new(self.0.clone());
        let body = |_| reader.bytes("body", REQUEST_BYTES_MAX).ok();
        let bodies: Option<Vec<Bytes>> = (0..count).map(body).collect();
        bodies.filter(|_| reader.remaining() == 0)
    }

    /// Whether [`Bodies::split`] would give anything.
    pub fn are(&self, count: u32) -> bool {
        let mut reader = Reader::new(self.0.clone());
        (0..count).all(|_| reader.bytes("body", REQUEST_BYTES_MAX).is_ok())
            && reader.remaining() == 0
    }

    /// The same in memory of its own.
    pub(crate) fn copied(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// Length in bytes, of the bodies and their lengths.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing: no batch is.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Wire for RequestId {
    fn encode(&self, writer: &mut Writer) {
        writer.client(self.client);
        writer.incarnation(self.incarnation);
        writer.sequence(self.sequence);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            client: reader.client()?,
            incarnation: reader.incarnation()?,
            sequence: reader.sequence()?,
        })
    }
}

impl Wire for Span {
    fn encode(&self, writer: &mut Writer) {
        writer.sequence(self.first);
        writer.u32(self.count);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let (first, count) = (reader.sequence()?, reader.u32()?);
        Self::new(first, count).ok_or(DecodeError::Invalid { field: "span" })
    }
}

impl Wire for BatchId {
    fn encode(&self, writer: &mut Writer) {
        writer.client(self.client);
        writer.incarnation(self.incarnation);
        self.span.encode(writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            client: reader.client()?,
            incarnation: reader.incarnation()?,
            span: Span::decode(reader)?,
        })
    }
}

impl Wire for Bodies {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.bytes("bodies", BATCH_BYTES_MAX).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(first: u64, count: u32) -> BatchId {
        BatchId {
            client: ClientId { key: 1, session: 2 },
            incarnation: Incarnation(3),
            span: Span::new(Sequence(first), count).unwrap(),
        }
    }

    fn bodies(texts: &[&'static str]) -> Bodies {
        let bytes: Vec<Bytes> = texts
            .iter()
            .map(|t| Bytes::from_static(t.as_bytes()))
            .collect();
        Bodies::new(&bytes)
    }

    #[test]
    fn the_digest_binds_every_field() {
        let text = bodies(&["x"]);
        let base = batch(1, 1).digest(&text);
        let (mut client, mut incarnation) = (batch(1, 1), batch(1, 1));
        client.client.session = 9;
        incarnation.incarnation = Incarnation(9);
        for other in [client, incarnation, batch(2, 1), batch(1, 2)] {
            assert_ne!(base, other.digest(&text), "{other:?}");
        }
        assert_ne!(base, batch(1, 1).digest(&bodies(&["y"])));
        assert_ne!(
            batch(1, 2).digest(&bodies(&["ab", "c"])),
            batch(1, 2).digest(&bodies(&["a", "bc"]))
        );
    }

    #[test]
    fn a_request_has_the_digest_of_its_batch_of_one() {
        let id = batch(4, 1).request(Sequence(4));
        assert_eq!(BatchId::one(&id), batch(4, 1));
        assert_eq!(
            request_digest(&id, b"x"),
            batch(4, 1).digest(&bodies(&["x"]))
        );
    }

    #[test]
    fn bodies_come_apart_into_exactly_as_many_as_were_put_in() {
        let two = bodies(&["one", ""]);
        assert_eq!(two.split(2).unwrap(), [&b"one"[..], &b""[..]]);
        assert!(two.are(2) && !two.are(1) && !two.are(3));
        assert_eq!(two.split(1), None, "something follows");
        assert_eq!(two.split(3), None, "something lacks");
        let longest = Bytes::from(vec![0; REQUEST_BYTES_MAX]);
        assert!(Bodies::new([&longest]).split(1).is_some());
        assert_eq!(Bodies::new([&longest]).len(), BATCH_BYTES_MAX);
        let longer = Bytes::from(vec![0; REQUEST_BYTES_MAX + 1]);
        assert_eq!(Bodies::new([&longer]).split(1), None);
    }

    #[test]
    fn spans_are_of_1_to_256_numbers_that_exist() {
        assert_eq!(Span::new(Sequence(1), 0), None);
        assert_eq!(Span::new(Sequence(1), BATCH_REQUESTS_MAX + 1), None);
        let span = Span::new(Sequence(5), BATCH_REQUESTS_MAX).unwrap();
        assert_eq!(span.last(), Sequence(260));
        assert!(span.contains(Sequence(260)) && !span.contains(Sequence(261)));
        assert!(!span.contains(Sequence(4)));
        assert_eq!(Span::new(Sequence(u64::MAX), 1), None);
        assert!(Span::new(Sequence(u64::MAX - 1), 1).is_some());
        assert_eq!(Span::new(Sequence(u64::MAX - 1), 2), None);
    }
}
