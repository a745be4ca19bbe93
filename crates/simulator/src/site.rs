use std::collections::VecDeque;

use maftia_protocol::{Outgoing, Protocol};
use maftia_types::{SiteId, Time};

use crate::Inbox;
use crate::clock::Clock;
use crate::disk::Disk;
use crate::world::Happening;

/// One site: its replica while it is up, and what outlives the replica.
pub(crate) struct Site<P: Protocol> {
    pub(crate) replica: Option<P>,
    pub(crate) disk: Disk<P::Record>,
    pub(crate) clock: Clock,
    /// How often it was started.
    pub(crate) incarnation: u32,
    pub(crate) crashed_at: Option<Time>,
    pub(crate) crash_on_write: Option<maftia_types::Duration>,
    pub(crate) pause: Option<Pause<P>>,
    /// Effects that wait for the disk, oldest first.
    pub(crate) held: VecDeque<Held<P>>,
    /// When the earliest timeout is scheduled that is still meant.
    pub(crate) armed: Option<Time>,
}

pub(crate) struct Held<P: Protocol> {
    /// They may go once the disk has acknowledged this position.
    pub(crate) position: u64,
    pub(crate) messages: Vec<Outgoing<P::Message>>,
    pub(crate) outputs: Vec<P::Output>,
}

pub(crate) struct Pause<P: Protocol> {
    pub(crate) inbox: Inbox,
    pub(crate) waiting: Vec<Happening<P>>,
}

impl<P: Protocol> Site<P> {
    pub(crate) const fn new(disk: Disk<P::Record>, clock: Clock) -> Self {
        Self {
            replica: None,
            disk,
            clock,
            incarnation: 0,
            crashed_at: None,
            crash_on_write: None,
            pause: None,
            held: VecDeque::new(),
            armed: None,
        }
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.replica.is_some()
    }
}

/// The sites of a world, which are all the sites there are.
pub(crate) struct Sites<P: Protocol>(pub(crate) Vec<Site<P>>);

impl<P: Protocol> Sites<P> {
    pub(crate) fn of(&self, site: SiteId) -> &Site<P> {
        self.0.get(site.index()).expect(INSIDE)
    }

    pub(crate) fn at(&mut self, site: SiteId) -> &mut Site<P> {
        self.0.get_mut(site.index()).expect(INSIDE)
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = SiteId> + use<P> {
        SiteId::all(self.0.len())
    }
}

const INSIDE: &str = "sites outside the group are turned away where they enter the world";
