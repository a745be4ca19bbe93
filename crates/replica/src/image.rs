use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_ordering::{Frontier, Record};

use crate::checkpoint::Checkpoint;

/// Everything a site needs to start again without its earlier log: its newest stable checkpoint and
/// the blocks it holds above it. The state is that of the checkpoint, not of the latest commit, so
/// that a site which starts again has a checkpoint to offer to those that are behind.
pub struct Image {
    pub(crate) checkpoint: Arc<Checkpoint>,
    pub(crate) window: Vec<Record>,
}

/// An image as it was read back.
#[derive(Debug)]
pub struct Restored {
    pub(crate) frontier: Frontier,
    pub(crate) ledger: Bytes,
    pub(crate) app: Vec<Bytes>,
    pub(crate) window: Vec<Record>,
}

/// Most chunks of the application or blocks of the window an image may have.
const ITEMS_MAX: usize = 1 << 24;

/// The ledger is stored in pieces of this length: a chunk of a snapshot is at most 4 MiB.
const PIECE_BYTES: usize = 1024 * 1024;

impl Image {
    /// The commit whose state this is.
    pub fn index(&self) -> u64 {
        self.checkpoint.index
    }

    /// The image as chunks for a file: counts, frontier, ledger, application chunks, blocks.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + '_ {
        let Checkpoint {
            frontier,
            ledger,
            app,
            ..
        } = self.checkpoint.as_ref();
        let count = app.manifest().len();
        own_chunks(frontier, ledger, (count, self.window.len()))
            .chain((0..count).filter_map(|index| app.chunk(index)))
            .chain(self.window.iter().map(Wire::to_bytes))
    }
}

/// The first chunks of an image: counts, of the application's chunks and of the blocks too, then
/// frontier and ledger.
pub(crate) fn own_chunks(
    frontier: &Frontier,
    ledger: &Bytes,
    (app, window): (usize, usize),
) -> impl Iterator<Item = Bytes> + use<> {
    let ledger = ledger.clone();
    let pieces = ledger.len().div_ceil(PIECE_BYTES);
    let mut counts = Writer::new();
    counts.u64(pieces as u64);
    counts.u64(app as u64);
    counts.u64(window as u64);
    let piece = move |index: usize| {
        ledger.slice(index * PIECE_BYTES..ledger.len().min((index + 1) * PIECE_BYTES))
    };
    [counts.finish(), frontier.to_bytes()]
        .into_iter()
        .chain((0..pieces).map(piece))
}

impl Restored {
    /// Reads what [`Image::chunks`] gave.
    ///
    /// # Errors
    /// If the chunks are not those of one image.
    pub fn from_chunks(chunks: Vec<Bytes>) -> Result<Self, DecodeError> {
        let missing = DecodeError::Invalid { field: "image" };
        let mut chunks = chunks.into_iter();
        let mut counts = Reader::new(chunks.next().ok_or(missing)?);
        let count = |reader: &mut Reader| {
            let count = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
            if count > ITEMS_MAX {
                Err(missing)
            } else {
                Ok(count)
            }
        };
        let pieces = count(&mut counts)?;
        let (app, window) = (count(&mut counts)?, count(&mut counts)?);
        counts.end()?;
        let frontier = Frontier::from_bytes(chunks.next().ok_or(missing)?)?;
        let mut ledger = BytesMut::new();
        for _ in 0..pieces {
            ledger.extend_from_slice(&chunks.next().ok_or(missing)?);
        }
        let ledger = ledger.freeze();
        let app_chunks: Vec<Bytes> = chunks.by_ref().take(app).collect();
        let records: Vec<Record> = chunks
            .by_ref()
            .map(Record::from_bytes)
            .collect::<Result<_, _>>()?;
        if app_chunks.len() != app || records.len() != window {
            return Err(missing);
        }
        Ok(Self {
            frontier,
            ledger,
            app: app_chunks,
            window: records,
        })
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({})", self.checkpoint.index)
    }
}
