//! What the operator of a run wants, and who is intruded: never more than f of any view.

use maftia_membership::{Change, Edit};
use maftia_simulator::Dice;
use maftia_types::{SiteId, SiteSet};

use super::estate::member;

/// How many machines found the group.
pub(crate) const FOUNDERS: usize = 4;

/// The kinds of runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// An intruder is replaced, then perhaps a correct site.
    ReplaceIntruder,
    /// A correct site is replaced while an intruder stays.
    ReplaceCorrect,
    /// A fifth site comes, and one goes.
    AddRemove,
    /// Four become seven that bear two intruders, and four again.
    GrowShrink,
    /// The joiner never comes; another one does.
    Abort,
    /// The joiner is the intruder's.
    HostileJoiner,
    /// Nobody is intruded; sites may lose their disks.
    NoIntruder,
    /// Two sites are replaced in one change.
    ReplaceTwo,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::ReplaceIntruder,
        Self::ReplaceCorrect,
        Self::AddRemove,
        Self::GrowShrink,
        Self::Abort,
        Self::HostileJoiner,
        Self::NoIntruder,
        Self::ReplaceTwo,
    ];
}

/// One change that the operator wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) change: Change,
    /// Whether the joiners are ever started.
    pub(crate) comes: bool,
}

/// A whole run.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) machines: usize,
    pub(crate) corrupted: SiteSet,
    pub(crate) wanted: Vec<Wanted>,
}

impl Script {
    pub(crate) fn draw(kind: Kind, dice: &mut Dice) -> Self {
        let [x, y, z] = three(dice);
        let founder = |place| nth(place);
        let (changes, corrupted): (Vec<Change>, Vec<usize>) = match kind {
            Kind::ReplaceIntruder => (vec![replace(&[(x, 4)]), replace(&[(y, 5)])], vec![x]),
            Kind::ReplaceCorrect => (vec![replace(&[(x, 4)])], vec![y]),
            Kind::AddRemove => {
                let gone = *dice.pick(&[x, y, 4]).unwrap();
                (vec![add(&[4], None), remove(&[gone], None)], vec![y])
            }
            Kind::GrowShrink => {
                let stays = *dice.pick(&[4, 5, 6]).unwrap();
                let gone: Vec<usize> = match dice.below(2) {
                    0 => [4, 5, 6]
                        .into_iter()
                        .filter(|own| *own != stays)
                        .chain([x])
                        .collect(),
                    _ => vec![x, y, z],
                };
                let intruded = match dice.below(3) {
                    0 => vec![],
                    1 => vec![x],
                    _ => vec![x, stays],
                };
                let grow = add(&[4, 5, 6], Some(2));
                (vec![grow, remove(&gone, Some(1))], intruded)
            }
            Kind::Abort => (vec![replace(&[(x, 4)]), replace(&[(x, 5)])], vec![y]),
            Kind::HostileJoiner => (vec![replace(&[(x, 4)])], vec![4]),
            Kind::NoIntruder => (vec![replace(&[(x, 4)]), replace(&[(4, 5)])], vec![]),
            Kind::ReplaceTwo => (vec![replace(&[(x, 4), (y, 5)])], vec![z]),
        };
        let comes = |place: usize| kind != Kind::Abort || place > 0;
        let wanted = changes
            .into_iter()
            .enumerate()
            .map(|(place, change)| Wanted {
                change,
                comes: comes(place),
            });
        Self {
            machines: if kind == Kind::GrowShrink { 7 } else { 6 },
            wanted: wanted.collect(),
            corrupted: corrupted.into_iter().map(founder).collect(),
        }
    }
}

/// Three different founders.
fn three(dice: &mut Dice) -> [usize; 3] {
    let mut all: Vec<usize> = (0..FOUNDERS).collect();
    [(); 3].map(|()| all.swap_remove(dice.below(all.len())))
}

pub(crate) fn nth(place: usize) -> SiteId {
    SiteId::all(place + 1).last().expect("it is one of them")
}

fn name(place: usize) -> String {
    member(nth(place)).name
}

fn replace(pairs: &[(usize, usize)]) -> Change {
    let edit = |(goes, comes): &(usize, usize)| Edit::Replace {
        name: name(*goes),
        with: member(nth(*comes)),
    };
    Change {
        edits: pairs.iter().map(edit).collect(),
        f: None,
    }
}

fn add(places: &[usize], f: Option<u8>) -> Change {
    let edits = places.iter().map(|place| Edit::Add(member(nth(*place))));
    Change {
        edits: edits.collect(),
        f,
    }
}

/// With f stated: a site that is not convicted leaves alone only so.
fn remove(places: &[usize], f: Option<u8>) -> Change {
    let edits = places.iter().map(|place| Edit::Remove(name(*place)));
    Change {
        edits: edits.collect(),
        f: f.or(Some(1)),
    }
}
