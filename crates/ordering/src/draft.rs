use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

use crate::parameters::PAYLOAD_BYTES_MAX;

/// Most bytes waiting for own blocks: four full blocks. Beyond it the intake refuses, because the
/// group is not keeping up.
pub const DRAFT_BYTES_MAX: usize = 4 * PAYLOAD_BYTES_MAX;

/// Items waiting for this site's next blocks, back to back in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    returned: VecDeque<Bytes>,
    buffer: BytesMut,
    ends: VecDeque<usize>,
    taken: usize,
}

/// There is no room for another item now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the queue for this site's next blocks is full")]
pub struct DraftFull;

impl Draft {
    /// Queues one item.
    pub(crate) fn push(&mut self, item: &[u8]) -> Result<(), DraftFull> {
        if self.len() + item.len() > DRAFT_BYTES_MAX || item.len() > PAYLOAD_BYTES_MAX {
            return Err(DraftFull);
        }
        self.buffer.extend_from_slice(item);
        self.ends.push_back(self.taken + self.buffer.len());
        Ok(())
    }

    /// Puts back the payload of an own block that nobody will deliver.
    pub(crate) fn put_back(&mut self, payload: Bytes) {
        self.returned.push_back(payload);
    }

    /// The next payload: whole items, as many as fit.
    pub(crate) fn take(&mut self) -> Bytes {
        if let Some(payload) = self.returned.pop_front() {
            return payload;
        }
        let mut length = 0;
        while let Some(end) = self.ends.front() {
            if end - self.taken > PAYLOAD_BYTES_MAX {
                break;
            }
            length = end - self.taken;
            self.ends.pop_front();
        }
        self.taken += length;
        self.buffer.split_to(length).freeze()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.returned.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len() + self.returned.iter().map(Bytes::len).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_whole_items_in_order_and_never_more_than_a_block() {
        let mut draft = Draft::default();
        let item = vec![1; PAYLOAD_BYTES_MAX / 2 - 10];
        for _ in 0..3 {
            draft.push(&item).unwrap();
        }
        draft.push(b"last").unwrap();
        assert_eq!(draft.take().len(), 2 * item.len());
        assert_eq!(draft.take().len(), item.len() + 4);
        assert!(draft.is_empty());
        assert!(draft.take().is_empty());
    }

    #[test]
    fn refuses_beyond_its_bound() {
        let mut draft = Draft::default();
        let item = vec![0; PAYLOAD_BYTES_MAX];
        for _ in 0..4 {
            draft.push(&item).unwrap();
        }
        assert_eq!(draft.push(b"x"), Err(DraftFull));
        draft.take();
        assert_eq!(draft.push(b"x"), Ok(()));
    }
}
