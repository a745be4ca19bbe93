use maftia_protocol::{Outgoing, Target};
use maftia_types::{SiteId, SiteSet};

/// The members of a channel, by seat: the broadcasts know seats, the links know sites.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Members {
    sites: Vec<SiteId>,
    /// Whether these are all sites of the group, seat by seat.
    everybody: bool,
}

impl Members {
    pub(crate) fn new(members: SiteSet, group: usize) -> Self {
        Self {
            sites: members.iter().collect(),
            everybody: members.len() == group,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.sites.len()
    }

    /// Every seat.
    pub(crate) fn seats(&self) -> impl Iterator<Item = SiteId> + use<> {
        SiteId::all(self.sites.len())
    }

    /// A member's seat.
    pub(crate) fn seat(&self, site: SiteId) -> Option<SiteId> {
        let place = self.sites.iter().position(|member| *member == site)?;
        self.seats().nth(place)
    }

    /// Who has a seat.
    pub(crate) fn site(&self, seat: SiteId) -> SiteId {
        // Seats come from `seat` and from `Members::seats` only.
        *self.sites.get(seat.index()).expect("a seat is a member's")
    }

    /// A message from seat to seat, as the group's links take it.
    pub(crate) fn address<M: Clone>(&self, own: SiteId, out: Outgoing<M>) -> Vec<Outgoing<M>> {
        let to = |target| Outgoing {
            target,
            release: out.release,
            message: out.message.clone(),
        };
        let one = |seat| to(Target::One(self.site(seat)));
        match out.target {
            Target::All | Target::Others if self.everybody => vec![to(out.target)],
            Target::All => self.seats().map(one).collect(),
            Target::Others => self.seats().filter(|seat| *seat != own).map(one).collect(),
            Target::One(seat) => vec![one(seat)],
        }
    }
}
