//! The canonical support tables of the A rule (`protocols.md` §2.2).

use maftia_types::{Round, SiteId};

use crate::block::{Block, BlockRef};
use crate::dag::Dag;

/// Rounds below a block that its table covers: w_A − 1. A vote at r+3 reads entries of round r.
const DEPTH: u64 = 4;

/// Per round below a block and author: which of that author's blocks is the least in its history,
/// as its place in the slot. A paths from r+3 to r leaves no round between, so that a table made of
/// the parents' tables and the parents themselves lacks nothing.
pub(crate) type Table = Box<[Place]>;

/// A place in a slot, or none. A local name: sites accept twins in different orders.
type Place = u32;
const NONE: Place = Place::MAX;

impl Dag {
    /// Keeps support tables for the blocks inserted from now on.
    #[must_use]
    pub const fn with_support(mut self) -> Self {
        self.keeps_support = true;
        self
    }

    /// The least block of `author` at `round` in the history of `reader`; none unless tables are
    /// kept and `round` is at most four below the reader's.
    pub fn support(&self, reader: &BlockRef, author: SiteId, round: Round) -> Option<BlockRef> {
        let index = self.index(reader.round, author, round)?;
        let place = *self.get(reader)?.support.get(index)?;
        self.at(author, round, place)
    }

    /// The table of a block that is being inserted: by minimum over its parents. Empty if none are
    /// kept.
    pub(crate) fn merge_support(&self, block: &Block) -> Table {
        if !self.keeps_support {
            return Table::default();
        }
        let length = usize::try_from(DEPTH).unwrap_or(0) * self.sites;
        let mut table = vec![NONE; length].into_boxed_slice();
        for parent in &block.header().parents {
            let slot = self.slot(parent.author, parent.round);
            let place = slot.iter().position(|e| e.block.digest() == parent.digest);
            let Some(entry) = place.and_then(|place| slot.get(place)) else {
                continue;
            };
            let place = place.and_then(|place| Place::try_from(place).ok());
            self.lower(
                &mut table,
                block.round(),
                (parent.author, parent.round),
                place.unwrap_or(NONE),
            );
            for (index, place) in entry.support.iter().enumerate() {
                if let Some(slot) = self.slot_of(parent.round, index) {
                    self.lower(&mut table, block.round(), slot, *place);
                }
            }
        }
        table
    }

    /// Takes a place into a table unless the block there is less.
    fn lower(&self, table: &mut Table, top: Round, slot: (SiteId, Round), place: Place) {
        let (author, round) = slot;
        let entry = self.index(top, author, round);
        let Some(entry) = entry.and_then(|index| table.get_mut(index)) else {
            return;
        };
        if place == *entry {
            return;
        }
        let (known, other) = (
            self.at(author, round, *entry),
            self.at(author, round, place),
        );
        let first = maftia_protocol::planted("support by arrival");
        if known.is_none() || other.is_some_and(|other| known > Some(other) && !first) {
            *entry = place;
        }
    }

    fn at(&self, author: SiteId, round: Round, place: Place) -> Option<BlockRef> {
        let entry = self.slot(author, round).get(usize::try_from(place).ok()?)?;
        Some(entry.block.reference())
    }

    /// Where a table of a block at `top` tells about a slot.
    fn index(&self, top: Round, author: SiteId, round: Round) -> Option<usize> {
        let below = top.0.checked_sub(round.0)?.checked_sub(1)?;
        let is_covered = below < DEPTH && author.index() < self.sites;
        is_covered.then_some(usize::try_from(below).ok()? * self.sites + author.index())
    }

    fn slot_of(&self, top: Round, index: usize) -> Option<(SiteId, Round)> {
        let below = u64::try_from(index / self.sites).ok()?;
        let author = SiteId::new(u8::try_from(index % self.sites).ok()?)?;
        Some((author, Round(top.0.checked_sub(below + 1)?)))
    }
}
