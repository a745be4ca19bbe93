use maftia_types::{Resilience, ResilienceError, SITES_MAX, SiteId, SiteSet};

use crate::member::{Member, is_name};
use crate::view::View;

mod renewal;
mod wire;

/// The most edits of one change: a quarter of the largest group. More sites come and go in more
/// than one change.
pub const EDITS_MAX: usize = 16;

/// One edit of a view. Sites are named as in the present view, whatever the other edits do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// A site more; it gets the last seat.
    Add(Member),
    /// A site less; those behind it move down by one seat.
    Remove(String),
    /// Another site on the same seat.
    Replace {
        /// Who goes.
        name: String,
        /// Who comes.
        with: Member,
    },
}

/// What makes the next view.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// At most [`EDITS_MAX`], each present site named at most once.
    pub edits: Vec<Edit>,
    /// How many sites may be intruded from then on; none keeps it.
    pub f: Option<u8>,
}

/// The next view, and how one comes to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Next {
    /// The view of the next epoch.
    pub view: View,
    /// Who joins, in the order of the edits. In a group of n the i-th has the id n+i until then.
    pub joiners: Vec<Member>,
    /// The next view's seats in order, each by the id its site has in the present epoch.
    pub members: Vec<SiteId>,
}

/// Why a change makes no view.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The address of this joiner is another site's.
    #[error("the address of `{0}` is another site's")]
    AddressTaken(String),
    /// A joiner's name is empty, too long or has odd characters.
    #[error("a site's name is 1 to 32 letters, digits, `-` or `_`")]
    BadName,
    /// Two edits are about the same site.
    #[error("two edits are about `{0}`")]
    EditedTwice(String),
    /// The joiner has the key of a present site or of another joiner. A site that comes back after it
    /// was lost has a new key, since nobody knows what it has signed.
    #[error("the key of `{0}` is another site's, or its former one; make a new key")]
    KeyTaken(String),
    /// No epoch comes after this one.
    #[error("epochs are used up")]
    LastEpoch,
    /// Another site of the next view has this name.
    #[error("another site is called `{0}`")]
    NameTaken(String),
    /// The joiner has no address.
    #[error("nobody could dial `{0}`: it has no address")]
    NoAddress(String),
    /// The change changes nothing.
    #[error("the change changes nothing")]
    Nothing,
    /// More edits than a change may have.
    #[error("a change has at most {EDITS_MAX} edits")]
    TooManyEdits,
    /// Members and joiners together are more sites than a group may have.
    #[error("members and joiners together are more than {SITES_MAX} sites")]
    TooManySites,
    /// There is no such site.
    #[error("there is no site `{0}` in the view")]
    UnknownSite(String),
    /// Too few sites would be left for the faults that are to be tolerated.
    #[error("{n} sites do not carry f={f} and c={c}; change f too, or bring more sites")]
    WouldBreakBound {
        /// How many sites there would be.
        n: usize,
        /// How many of them may be intruded.
        f: usize,
        /// How many more may stop.
        c: usize,
        /// How many sites it takes, if any number does.
        needed: Option<usize>,
    },
}

impl Edit {
    /// The present site that goes.
    #[must_use]
    pub fn leaver(&self) -> Option<&str> {
        match self {
            Self::Add(_) => None,
            Self::Remove(name) | Self::Replace { name, .. } => Some(name),
        }
    }

    /// The site that comes.
    #[must_use]
    pub const fn joiner(&self) -> Option<&Member> {
        match self {
            Self::Add(member) | Self::Replace { with: member, .. } => Some(member),
            Self::Remove(_) => None,
        }
    }
}

impl Change {
    /// Who joins, in the order of the edits.
    pub fn joiners(&self) -> impl Iterator<Item = &Member> {
        self.edits.iter().filter_map(Edit::joiner)
    }

    /// The present sites that go.
    pub fn leavers(&self) -> impl Iterator<Item = &str> {
        self.edits.iter().filter_map(Edit::leaver)
    }
}

impl Next {
    /// The seat in the next view of who has this id in the present epoch; none for a leaver.
    #[must_use]
    pub fn seat(&self, site: SiteId) -> Option<SiteId> {
        let seat = self.members.iter().position(|member| *member == site)?;
        SiteId::new(u8::try_from(seat).ok()?)
    }
}

impl View {
    /// The view that a change makes of this one.
    ///
    /// A leaver's name and address are free for who comes in the same change: often it is the same
    /// place with a new machine. Its key is not.
    ///
    /// # Errors
    /// [`ChangeError`]. A change that leaves too few sites is refused, not applied in part.
    pub fn change(&self, change: &Change) -> Result<Next, ChangeError> {
        if change.edits.len() > EDITS_MAX {
            return Err(ChangeError::TooManyEdits);
        }
        let (n, kept) = (self.members().len(), self.resilience());
        let f = change.f.map_or(kept.intruded_max(), usize::from);
        if change.edits.is_empty() && f == kept.intruded_max() {
            return Err(ChangeError::Nothing);
        }
        let mut seats: Vec<Option<SiteId>> = SiteId::all(n).map(Some).collect();
        let (mut edited, mut joiners) = (SiteSet::EMPTY, Vec::new());
        for edit in &change.edits {
            let joiner = match edit.joiner() {
                Some(member) => Some(self.admit(&mut joiners, member)?),
                None => None,
            };
            let Some(name) = edit.leaver() else {
                seats.push(joiner);
                continue;
            };
            let leaver = self.seat_named(name);
            let leaver = leaver.ok_or_else(|| ChangeError::UnknownSite(name.to_owned()))?;
            if !edited.insert(leaver) {
                return Err(ChangeError::EditedTwice(name.to_owned()));
            }
            if let Some(seat) = seats.get_mut(leaver.index()) {
                *seat = joiner;
            }
        }
        let members: Vec<SiteId> = seats.into_iter().flatten().collect();
        let universe = || self.members().iter().chain(&joiners);
        let next = members.iter().filter_map(|id| universe().nth(id.index()));
        let next: Vec<Member> = next.cloned().collect();
        check_joiners(&next, &joiners)?;
        let c = kept.stopped_max();
        let resilience = Resilience::new(kept.model(), next.len(), f, c);
        let resilience = resilience.map_err(|error| broken(error, next.len(), f, c))?;
        // All else that a view can be refused for has been looked at.
        let view = Self::new(*self.group(), self.epoch().next(), resilience, next)
            .map_err(|_| ChangeError::LastEpoch)?;
        Ok(Next {
            view,
            joiners,
            members,
        })
    }

    /// The id of one more joiner until it has a seat.
    fn admit(&self, joiners: &mut Vec<Member>, member: &Member) -> Result<SiteId, ChangeError> {
        if !is_name(&member.name) {
            return Err(ChangeError::BadName);
        }
        if member.address.is_none() {
            return Err(ChangeError::NoAddress(member.name.clone()));
        }
        let mut known = self.members().iter().chain(joiners.iter());
        if known.any(|other| other.key == member.key) {
            return Err(ChangeError::KeyTaken(member.name.clone()));
        }
        let id = self.members().len() + joiners.len();
        let id = u8::try_from(id).ok().and_then(SiteId::new);
        joiners.push(member.clone());
        id.ok_or(ChangeError::TooManySites)
    }
}

/// A joiner shares neither name nor address with another site of the next view.
fn check_joiners(next: &[Member], joiners: &[Member]) -> Result<(), ChangeError> {
    for joiner in joiners {
        let others = || next.iter().filter(|other| other.key != joiner.key);
        if others().any(|other| other.name == joiner.name) {
            return Err(ChangeError::NameTaken(joiner.name.clone()));
        }
        let is_own = |address| joiner.addresses().any(|own| own == address);
        let twice = joiner.address == joiner.http;
        if twice || others().flat_map(Member::addresses).any(is_own) {
            return Err(ChangeError::AddressTaken(joiner.name.clone()));
        }
    }
    Ok(())
}

fn broken(error: ResilienceError, n: usize, f: usize, c: usize) -> ChangeError {
    let needed = match error {
        ResilienceError::TooFew { needed, .. } => Some(needed),
        _ => None,
    };
    ChangeError::WouldBreakBound { n, f, c, needed }
}

#[cfg(test)]
mod tests;
