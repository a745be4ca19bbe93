//! Whether what f sites ever saw determines a key, by linear algebra over everything they know: each
//! share is a linear form in the coefficients that dealers have drawn.

use std::collections::{BTreeMap, BTreeSet};

use maftia_threshold::{Ed25519, Field, Group, Index, lagrange};

use super::hostile::{Intruder, Kind};
use super::world::World;
use crate::keys::vault::Vault;
use crate::keys::{KeyId, Operation, Scheme};

type Scalar = <Ed25519 as Group>::Scalar;

/// A linear form in all coefficients ever drawn: by ceremony, dealer and degree.
type Form = BTreeMap<(u64, Index, u64), Scalar>;

const KEY: &[(&str, Scheme)] = &[("signing", Scheme::Ed25519)];

/// One ceremony of the key, whatever became of it.
struct Past {
    threshold: u8,
    /// Actors, by place.
    members: Vec<usize>,
    /// The ceremony that made the sharing that was reshared.
    base: Option<u64>,
    qualified: BTreeSet<Index>,
    /// Of which dealing the share of which member is public.
    published: BTreeSet<(Index, Index)>,
}

/// All ceremonies that a key has had.
struct History(BTreeMap<u64, Past>);

impl History {
    fn of(world: &World) -> Self {
        let mut history = BTreeMap::new();
        for state in &world.states {
            for own in state.ceremonies() {
                let current = state.key(own.key).unwrap().current.as_ref();
                let members = own.members.iter();
                let members = members.map(|own| world.actor_of(state, *own).unwrap());
                let past = history.entry(own.number).or_insert_with(|| Past {
                    threshold: own.threshold,
                    members: members.collect(),
                    base: current.map(|version| version.ceremony),
                    qualified: BTreeSet::new(),
                    published: BTreeSet::new(),
                });
                let made = own.made.as_ref();
                let dealings = made.map_or(&own.dealings, |made| &made.dealings);
                for record in dealings {
                    let members = record.published.keys();
                    let public = members.map(|member| (record.dealer, *member));
                    past.published.extend(public);
                    past.qualified.extend(made.map(|_| record.dealer));
                }
            }
        }
        Self(history)
    }

    /// The place of an actor among those who got shares.
    fn place(&self, ceremony: u64, who: usize) -> Option<Index> {
        let members = &self.0[&ceremony].members;
        let at = members.iter().position(|own| *own == who)?;
        Index::new(u8::try_from(at + 1).unwrap()).ok()
    }

    /// What a dealer dealt to that member.
    fn dealt(&self, ceremony: u64, dealer: Index, member: Index) -> Form {
        let own = &self.0[&ceremony];
        let place: Scalar = member.point();
        let mut power = Scalar::ONE;
        let mut form = match own.base {
            None => Form::from([((ceremony, dealer, 0), Scalar::ONE)]),
            Some(base) => self.share(base, dealer),
        };
        for degree in 1..u64::from(own.threshold) {
            power *= place;
            form.insert((ceremony, dealer, degree), power);
        }
        form
    }

    /// A member's share of the sharing that a ceremony made.
    fn share(&self, ceremony: u64, member: Index) -> Form {
        self.combine(ceremony, |dealer| self.dealt(ceremony, dealer, member))
    }

    /// The key: the first ceremony made it.
    fn secret(&self) -> Form {
        self.combine(1, |dealer| Form::from([((1, dealer, 0), Scalar::ONE)]))
    }

    fn combine(&self, ceremony: u64, part: impl Fn(Index) -> Form) -> Form {
        let own = &self.0[&ceremony];
        let weights = lagrange::<Scalar>(Scalar::ZERO, &own.qualified);
        let mut sum = Form::new();
        for (dealer, weight) in own.qualified.iter().zip(weights) {
            let weight = own.base.map_or(Scalar::ONE, |_| weight);
            for (variable, factor) in part(*dealer) {
                *sum.entry(variable).or_insert(Scalar::ZERO) += weight * factor;
            }
        }
        sum
    }

    /// What those know who have these contents of actors' vaults, and the whole log.
    fn known(&self, vaults: &[(usize, Vault)]) -> Vec<Form> {
        let mut known = Vec::new();
        for (number, past) in &self.0 {
            let public = past.published.iter();
            known.extend(public.map(|(dealer, member)| self.dealt(*number, *dealer, *member)));
        }
        for (who, vault) in vaults {
            for (number, work) in &vault.works {
                let Some(place) = self.place(*number, *who) else {
                    continue;
                };
                let dealers = work.dealt.keys();
                known.extend(dealers.map(|dealer| self.dealt(*number, *dealer, place)));
            }
            for held in vault.held.values() {
                let place = self.place(held.ceremony, *who).unwrap();
                known.push(self.share(held.ceremony, place));
            }
        }
        known
    }

    /// What those know besides who are these actors as dealers.
    fn drawn(&self, intruders: &[usize]) -> Vec<Form> {
        let mut known = Vec::new();
        for (number, past) in &self.0 {
            for who in intruders {
                let Some(dealer) = self.place(past.base.unwrap_or(*number), *who) else {
                    continue;
                };
                let members = past.members.iter();
                let members = members.filter_map(|own| self.place(*number, *own));
                known.extend(members.map(|member| self.dealt(*number, dealer, member)));
            }
        }
        known
    }
}

/// Whether the forms determine the target: Gaussian elimination.
fn determines(known: Vec<Form>, target: Form) -> bool {
    let mut rows: Vec<Form> = Vec::new();
    let reduce = |rows: &[Form], mut form: Form| {
        for row in rows {
            let (pivot, _) = row.first_key_value().unwrap();
            let Some(factor) = form.get(pivot).copied() else {
                continue;
            };
            for (variable, value) in row {
                *form.entry(*variable).or_insert(Scalar::ZERO) -= factor * *value;
            }
            form.retain(|_, value| *value != Scalar::ZERO);
        }
        form
    };
    for form in known {
        let form = reduce(&rows, form);
        let Some((_, leading)) = form.first_key_value() else {
            continue;
        };
        let inverse = Field::inverse(leading).unwrap();
        let form = form.into_iter().map(|(own, value)| (own, value * inverse));
        rows.push(form.collect());
        // So that one pass over the rows is enough.
        rows.sort_by_key(|row: &Form| *row.first_key_value().unwrap().0);
    }
    reduce(&rows, target).is_empty()
}

/// Every content that these sites' vaults ever had.
fn vaults(world: &World, actors: &[usize]) -> Vec<(usize, Vault)> {
    let mut opened = Vec::new();
    for who in actors {
        let owner = super::world::signing_key(super::world::site(*who)).public();
        for bytes in &world.actors[*who].vaults {
            let vault = Vault::open(world.setup.group, owner, bytes).unwrap();
            opened.push((*who, vault));
        }
    }
    opened
}

fn refresh(world: &mut World) {
    world.request(&Operation::Refresh(KeyId(1)));
    world.finish();
}

#[test]
fn c11_what_f_sites_ever_saw_does_not_determine_the_key() {
    for (n, seed) in [(4, 1), (4, 2), (4, 3), (7, 4), (7, 5)] {
        let mut world = World::new(n, KEY, seed).lossy(40).crashing(50);
        if seed % 2 == 0 {
            // Intruders that do not acknowledge waste no share; others' are published too.
            world = world.intruded(&Intruder::new(Kind::Silent));
        }
        world.finish();
        refresh(&mut world);
        refresh(&mut world);
        let history = History::of(&world);
        assert_eq!(history.0.len(), 3);
        let f = world.setup.resilience.intruded_max();
        for first in 0..n {
            let sites: Vec<usize> = (first..first + f).map(|own| own % n).collect();
            let mut known = history.known(&vaults(&world, &sites));
            known.extend(history.drawn(&sites));
            assert!(!determines(known, history.secret()), "{sites:?} of {n}");
        }
    }
}

#[test]
fn c11_shares_stolen_from_others_before_and_after_refreshes_do_not_add_up() {
    let mut world = World::new(4, KEY, 6);
    world.finish();
    refresh(&mut world);
    refresh(&mut world);
    let history = History::of(&world);
    // The share of another site in each version: three shares of a key with threshold three.
    let stolen = |ceremonies: [u64; 3]| {
        let sites = ceremonies.iter().zip(0..);
        sites
            .map(|(own, who)| history.share(*own, history.place(*own, who).unwrap()))
            .collect()
    };
    assert!(!determines(stolen([1, 2, 3]), history.secret()));
    assert!(!determines(stolen([1, 1, 2]), history.secret()));
    // The oracle can fail.
    assert!(determines(stolen([2, 2, 2]), history.secret()));
    assert!(determines(stolen([3, 3, 3]), history.secret()));
}

#[test]
fn c11_one_site_more_than_a_quorum_leaves_out_would_be_too_many() {
    for seed in [7, 8] {
        let world = World::new(4, KEY, seed).lossy(30);
        let mut world = world.intruded(&Intruder::new(Kind::Silent));
        world.finish();
        let history = History::of(&world);
        // Site 3's share is public, since it did not acknowledge. With one more the margin is used
        // up, with two more the key is known.
        let secret = || history.secret();
        let sites = |sites: &[usize]| history.known(&vaults(&world, sites));
        assert!(!determines(sites(&[0]), secret()));
        assert!(determines(sites(&[0, 1]), secret()));
        let version = world.ordered().key(KeyId(1)).unwrap().active().unwrap();
        assert_eq!(
            version.exposed.iter().collect::<Vec<_>>(),
            [super::world::site(3)]
        );
    }
}

/// What is known of the key by an adversary that had those members of the first committee, with all
/// they ever saw, and takes others of the second one once all has settled.
fn known_after(world: &World, history: &History, old: &[usize], new: &[usize]) -> Vec<Form> {
    let mut known = history.known(&vaults(world, old));
    known.extend(history.drawn(old));
    let last = new.iter().map(|who| {
        let mut all = vaults(world, &[*who]);
        all.pop().unwrap()
    });
    known.extend(history.known(&last.collect::<Vec<_>>()));
    known
}

/// Every choice of f members of the first committee and as many more of the second one as it
/// tolerates, does not know the key.
fn check_change(world: &World, members: &[usize]) {
    let history = History::of(world);
    let n = world.setup.resilience.sites();
    let f = world.setup.resilience.intruded_max();
    let f_next = world.ordered().setup().resilience.intruded_max();
    for first in 0..n {
        let old: Vec<usize> = (first..first + f).map(|own| own % n).collect();
        let staying = old.iter().filter(|who| members.contains(who)).count();
        if staying > f_next {
            continue;
        }
        for start in 0..members.len() {
            let others = members.iter().cycle().skip(start).take(members.len());
            let others = others.filter(|who| !old.contains(who)).copied();
            let new: Vec<usize> = others.take(f_next - staying).collect();
            let known = known_after(world, &history, &old, &new);
            assert!(
                !determines(known, history.secret()),
                "{old:?}, then {new:?}"
            );
        }
    }
    // The oracle can fail.
    let quorum = usize::from(world.ordered().setup().threshold());
    let known = known_after(world, &history, &[], &members[..quorum]);
    assert!(determines(known, history.secret()));
}

#[test]
fn c11_shares_of_a_former_committee_and_f_of_the_next_do_not_determine_the_key() {
    let replaced: &[usize] = &[0, 1, 4, 3];
    let [grown, shrunk, others] = [&[0, 1, 2, 3, 4, 5, 6][..], &[1, 0, 5, 2], &[4, 5, 6, 7]];
    for (n, members) in [(4, replaced), (4, grown), (7, shrunk), (4, others)] {
        for seed in 0..2 {
            let mut world = World::new(n, KEY, seed).lossy(40).crashing(50);
            world.finish();
            world.change(members);
            check_change(&world, members);
        }
    }
}

#[test]
fn c11_what_was_dealt_to_a_committee_that_never_came_determines_nothing_either() {
    for seed in 0..6 {
        let mut world = World::new(4, KEY, seed).lossy(40);
        world.finish();
        world.entering = false;
        world.prepare(&[0, 1, 4, 3]).unwrap();
        (0..100 * seed).for_each(|_| world.step());
        world.abandon();
        world.entering = true;
        world.change(&[0, 5, 2, 3]);
        check_change(&world, &[0, 5, 2, 3]);
        // The joiner of the change that was abandoned is one more.
        let history = History::of(&world);
        let known = known_after(&world, &history, &[1, 4], &[2]);
        assert!(!determines(known, history.secret()));
    }
}
