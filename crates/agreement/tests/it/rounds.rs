//! How many rounds binary agreement takes: under a random scheduler with intruders that say
//! anything, and under the worst one, which sees the coin as soon as a correct site releases it.

use std::sync::Arc;

use maftia_agreement::Instance;
use maftia_agreement::binary::{Agreement, CrusaderMessage, GradedMessage, Message};
use maftia_agreement::coin::Flip;
use maftia_protocol::{Event, Protocol, Step, Target, plant};
use maftia_simulator::Dice;
use maftia_types::{Resilience, SiteId, Time};

use crate::arena::{largest, place};
use crate::coins::{Simulated, SimulatedShare};
use crate::keys::site;

type Said = Message<SimulatedShare>;

/// Correct sites 0 to n − f − 1, whose messages to each other are under way; the others are the
/// scheduler's own.
struct Group {
    resilience: Resilience,
    sites: Vec<Agreement<Simulated>>,
    flying: Vec<(SiteId, usize, Said)>,
    /// Per site, the round in which it decided.
    decided: Vec<Option<u32>>,
    values: Vec<bool>,
}

impl Group {
    fn new(n: usize, seed: u64, inputs: impl Fn(usize) -> bool) -> Self {
        let resilience = largest(n);
        let correct = resilience.quorum();
        let coin = Arc::new(Simulated {
            seed,
            threshold: resilience.quorum() - resilience.intruded_max(),
        });
        let make = |own: usize| {
            let place = place(resilience, site(own));
            Agreement::new(place, Instance::new(&place, "rounds", 0), Arc::clone(&coin))
        };
        let mut this = Self {
            resilience,
            sites: (0..correct).map(make).collect(),
            flying: Vec::new(),
            decided: vec![None; correct],
            values: Vec::new(),
        };
        for own in 0..correct {
            let step = this.sites[own].command(Time::ZERO, inputs(own)).unwrap();
            this.perform(own, step);
        }
        this
    }

    fn perform(&mut self, own: usize, step: Step<Agreement<Simulated>>) {
        for value in step.outputs {
            self.values.push(value);
            // The site has left the round in which it decided, unless it took others' word.
            self.decided[own] = Some((self.sites[own].round() - 1).max(1));
        }
        for out in step.messages {
            assert_eq!(out.target, Target::All);
            for to in 0..self.sites.len() {
                self.flying.push((site(own), to, out.message));
            }
        }
    }

    fn tell(&mut self, from: SiteId, to: usize, message: Said) {
        let step = self.sites[to].handle(Time::ZERO, Event::Message { from, message });
        self.perform(to, step);
    }

    /// The intruders tell a site something of a round.
    fn lie(&mut self, round: u32, to: usize, message: CrusaderMessage) {
        for liar in self.sites.len()..self.resilience.sites() {
            let message = Message::Round(round, GradedMessage::Crusader(message));
            self.flying.push((site(liar), to, message));
        }
    }

    /// Delivers what fits until nothing does, in the order of `rank`.
    fn deliver(&mut self, fits: impl Fn(usize, &Said) -> bool) {
        while let Some(at) = self.flying.iter().position(|(_, to, said)| fits(*to, said)) {
            let (from, to, message) = self.flying.remove(at);
            self.tell(from, to, message);
        }
    }

    fn all_decided(&self) -> bool {
        self.decided.iter().all(Option::is_some)
    }

    /// The rounds of the first and of the last decision.
    fn rounds(&self) -> (u32, u32) {
        assert!(
            self.values.iter().all(|value| *value == self.values[0]),
            "agreement"
        );
        let rounds = || self.decided.iter().flatten().copied();
        (rounds().min().unwrap(), rounds().max().unwrap())
    }
}

/// Any message next; the intruders say something to everybody in each round.
fn random(n: usize, seed: u64) -> (u32, u32) {
    let mut dice = Dice::new(seed);
    let inputs = dice.between(0, u64::MAX);
    let mut group = Group::new(n, seed, |own| inputs >> own & 1 == 1);
    let mut spoken = 0;
    while !group.all_decided() {
        let ahead = group.sites.iter().map(Agreement::round).max().unwrap();
        while spoken < ahead {
            spoken += 1;
            for to in 0..group.sites.len() {
                for liar in group.sites.len()..n {
                    for kind in 0..3 {
                        let value = dice.chance(500);
                        let third = dice.chance(500).then_some(value);
                        let message = match kind {
                            0 => CrusaderMessage::Echo1(value),
                            1 => CrusaderMessage::Echo2(value),
                            _ => CrusaderMessage::Echo3(third),
                        };
                        let message = Message::Round(spoken, GradedMessage::Crusader(message));
                        group.flying.push((site(liar), to, message));
                    }
                }
            }
        }
        let next = dice.below(group.flying.len());
        let (from, to, message) = group.flying.swap_remove(next);
        group.tell(from, to, message);
    }
    group.rounds()
}

/// Splits the correct sites as long as it can: one holds the value w, the others none. The coin falls
/// when w is fixed; if it is the other value, they are split again.
fn worst(n: usize, seed: u64) -> (u32, u32) {
    let mut group = Group::new(n, seed, |own| own == 0);
    let mut round = 1;
    while !group.all_decided() {
        split(&mut group, round);
        group.deliver(|_, said| is_until(round, said));
        round += 1;
        assert!(round < 64, "the scheduler has won");
    }
    group.rounds()
}

/// Whether a message is of a round or of one before it, or of none.
fn is_until(last: u32, said: &Said) -> bool {
    match said {
        Message::Decide(_) => true,
        Message::Round(round, _) | Message::Share(round, _) => *round <= last,
    }
}

/// What the correct sites hold in a round that all have entered and none has got further in; none if
/// they hold the same.
fn held(group: &Group, round: u32) -> Option<Vec<bool>> {
    let first = |own: usize| {
        group.flying.iter().find_map(|(from, _, said)| match said {
            Message::Round(of, GradedMessage::Crusader(CrusaderMessage::Echo1(value))) => {
                (*of == round && *from == site(own)).then_some(*value)
            }
            _ => None,
        })
    };
    let held: Option<Vec<bool>> = (0..group.sites.len()).map(first).collect();
    held.filter(|held| held.iter().any(|value| *value != held[0]))
}

fn third_of(of: u32, said: &Said) -> Option<Option<bool>> {
    match said {
        Message::Round(round, GradedMessage::Crusader(CrusaderMessage::Echo3(value))) => {
            (*round == of).then_some(*value)
        }
        _ => None,
    }
}

/// One round of it, up to where the coin has fallen. Does nothing if all hold the same value.
fn split(group: &mut Group, round: u32) {
    use CrusaderMessage::{Echo1, Echo2, Echo3};
    let correct = group.sites.len();
    let Some(held) = held(group, round) else {
        return;
    };
    let ones = held.iter().filter(|value| **value).count();
    let w = 2 * ones > correct;
    let is_major = |own: usize| held[own] == w;
    let is =
        |said: &Said, message| *said == Message::Round(round, GradedMessage::Crusader(message));
    for to in 0..correct {
        group.lie(round, to, Echo1(w));
        group.lie(round, to, Echo1(!w));
    }
    // The majority approves w first, and repeats the other value, which fewer than q have said.
    group.deliver(|to, said| is_major(to) && is(said, Echo1(w)));
    let others: Vec<_> = group
        .flying
        .iter()
        .filter(|(_, _, said)| is(said, Echo1(!w)))
        .copied()
        .collect();
    for (from, to, message) in others {
        group.flying.retain(|other| *other != (from, to, message));
        group.tell(from, to, message);
    }
    for to in (0..correct).filter(|own| is_major(*own)) {
        group.lie(round, to, Echo2(w));
    }
    group.deliver(|to, said| is_major(to) && is(said, Echo2(w)));
    // The minority approves the other value first, then both.
    group.deliver(|to, said| !is_major(to) && is(said, Echo1(!w)));
    group.deliver(|to, said| !is_major(to) && is(said, Echo1(w)));
    // One site of the majority is through with w: w is fixed, and the coin can be known.
    let through = (0..correct).find(|own| is_major(*own)).unwrap();
    group.lie(round, through, Echo3(Some(w)));
    group.deliver(|to, said| to == through && third_of(round, said) == Some(Some(w)));
    // The others are through with none.
    for to in (0..correct).filter(|own| *own != through) {
        group.lie(round, to, Echo3(None));
    }
    group.deliver(|to, said| {
        to != through
            && matches!(said, Message::Round(of, GradedMessage::Crusader(Echo1(_))) if *of == round)
    });
    group.deliver(|to, said| to != through && third_of(round, said) == Some(None));
    group.deliver(|to, said| to != through && third_of(round, said).is_some());
}

#[derive(Default)]
struct Table {
    runs: u64,
    first: u64,
    last: u64,
    most: u32,
}

fn table(runs: u64, n: usize, run: impl Fn(usize, u64) -> (u32, u32)) -> Table {
    let mut table = Table::default();
    for seed in 0..runs {
        let (first, last) = run(n, seed);
        table.runs += 1;
        table.first += u64::from(first);
        table.last += u64::from(last);
        table.most = table.most.max(last);
    }
    table
}

impl Table {
    fn means(&self) -> (f64, f64) {
        let runs = self.runs as f64;
        (self.first as f64 / runs, self.last as f64 / runs)
    }
}

#[test]
fn a07_four_rounds_are_expected_at_most_under_either_scheduler() {
    for n in [4, 7] {
        let (first, last) = table(2_000, n, worst).means();
        assert!((1.9..2.1).contains(&first), "n={n}: {first}");
        assert!((3.8..4.2).contains(&last), "n={n}: {last}");
        let (_, last) = table(500, n, random).means();
        assert!(last < 4.0, "n={n}: {last}");
    }
}

#[test]
fn a07_rounds_of_a_million_runs_slow() {
    if std::env::var_os("MAFTIA_SLOW").is_none() {
        return;
    }
    println!("| n | scheduler | runs | first decision | last decision | most |");
    for (n, runs) in [(4, 1_000_000), (7, 100_000), (10, 30_000)] {
        let random = ("random", table(runs, n, random));
        for (name, table) in [random, ("worst", table(runs, n, worst))] {
            let (first, last) = table.means();
            println!(
                "| {n} | {name} | {runs} | {first:.3} | {last:.3} | {} |",
                table.most
            );
            assert!(last < 4.1, "n={n} {name}: {last}");
        }
    }
}

/// The schedule of row A1 for four sites, of which the last is the scheduler's: one site is through
/// with no value, so that the coin falls; then another gets the value that the coin is not. Returns
/// whether they were still undecided after so many rounds.
fn mac_brough(rounds: u32) -> bool {
    let seed = 5;
    let mut group = Group::new(4, seed, |own| own == 0);
    let coin = Arc::new(Simulated { seed, threshold: 1 });
    let instance = Instance::new(&place(largest(4), site(0)), "rounds", 0);
    for round in 1..=rounds {
        let flip = Flip::new(Arc::clone(&coin), instance.part("round", round.into()));
        let falls = coin.value(flip.name()).as_bytes()[0] & 1 == 1;
        tear(&mut group, round, !falls);
        group.deliver(|_, said| is_until(round, said));
        if group.all_decided() {
            return false;
        }
    }
    true
}

/// One round of it, in which the coin will not be `w`.
fn tear(group: &mut Group, round: u32, w: bool) {
    use CrusaderMessage::{Echo1, Echo2};
    let Some(held) = held(group, round) else {
        return;
    };
    let p = held.iter().filter(|value| **value).count() == 2;
    let majority: Vec<_> = (0..3).filter(|own| held[*own] == p).collect();
    let (first, second) = (majority[0], majority[1]);
    let minor = (0..3).find(|own| held[*own] != p).unwrap();
    let is =
        |said: &Said, message| *said == Message::Round(round, GradedMessage::Crusader(message));
    for to in 0..3 {
        group.lie(round, to, Echo1(p));
        group.lie(round, to, Echo1(!p));
    }
    for (to, value) in [
        (first, p),
        (first, !p),
        (minor, !p),
        (minor, p),
        (first, !p),
    ] {
        group.deliver(|own, said| own == to && is(said, Echo1(value)));
    }
    group.lie(round, first, Echo2(p));
    group.deliver(|own, said| own == first && (is(said, Echo2(p)) || is(said, Echo2(!p))));
    // Here the coin falls, if crusader agreement is not binding.
    group.lie(round, second, Echo2(w));
    group.deliver(|own, said| own == second && is(said, Echo1(w)));
    group.deliver(|own, said| own == second && is(said, Echo2(w)));
}

#[test]
fn a01_binding_ends_the_schedule_that_otherwise_lasts_for_ever() {
    assert!(!mac_brough(40));
    assert!(plant("no binding", || mac_brough(40)));
}
