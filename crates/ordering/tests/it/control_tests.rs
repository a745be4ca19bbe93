//! The engine's mode rule against the reference model, on every view of every DAG.

use std::collections::BTreeSet;

use maftia_codec::Wire;
use maftia_ordering::coin::CoinValue;
use maftia_ordering::control::{Control, ControlState, Outcome};
use maftia_ordering::{Committer, Dag, Mode, Modes, Rule, Schedule};
use maftia_protocol::plant;
use maftia_types::{FaultModel, Resilience, Round, SiteId};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::committer_tests::Twin;
use crate::reference::{self, Bits, Generated, Options, Pattern, Row, attacked, generate};

const INTERVAL: u64 = 5;
const ROUNDS: usize = 38;
const VIEWS: usize = 5;
const DAGS: u64 = 40;
const SLOW_FACTOR: u64 = 50;

/// What a site makes of a view.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Judged {
    /// From interval 2 on.
    modes: Vec<Mode>,
    prefix: u64,
}

struct Site<'a> {
    twin: &'a Twin,
    dag: Dag,
    control: Control,
    modes: Vec<Mode>,
    interval: u64,
}

fn value(leader: u8) -> CoinValue {
    let mut value = [0; 64];
    value[63] = leader;
    CoinValue(value)
}

impl<'a> Site<'a> {
    fn new(twin: &'a Twin, interval: u64) -> Self {
        Self {
            twin,
            dag: twin.empty_dag(),
            control: Self::control(twin, interval, ControlState::start()),
            modes: Vec::new(),
            interval,
        }
    }

    fn rule(twin: &Twin) -> Rule {
        let Row { n, f, c, .. } = twin.generated.row;
        let resilience = Resilience::new(FaultModel::Arbitrary, n, f, c).unwrap();
        Rule::new(resilience, twin.generated.row.fast_path).unwrap()
    }

    fn schedule(twin: &Twin) -> Schedule {
        let known = twin.generated.schedule.known.iter();
        Schedule::fixed(known.map(|leader| SiteId::new(*leader).unwrap()).collect())
    }

    fn control(twin: &Twin, interval: u64, state: ControlState) -> Control {
        let rule = (Self::rule(twin), twin.generated.row.n);
        Control::new(rule, Self::schedule(twin), interval, state)
    }

    /// As far as the blocks here determine it.
    fn judge(&mut self) {
        loop {
            match self.control.advance(&self.dag).unwrap() {
                Outcome::Waiting => return,
                Outcome::Wants(rounds) => {
                    assert!(!rounds.is_empty(), "a want names what it wants");
                    for round in rounds {
                        let leader = self.twin.generated.schedule.coin[round.0 as usize];
                        self.control.learn_coin(round, value(leader));
                    }
                }
                Outcome::Turned { interval, mode, .. } if interval > 1 => self.modes.push(mode),
                Outcome::Turned { .. } => {}
            }
        }
    }

    fn judged(self) -> Judged {
        Judged {
            modes: self.modes,
            prefix: self.control.state().prefix().0,
        }
    }

    /// All blocks of a view at once.
    fn at_once(twin: &'a Twin, mask: &'a Bits, interval: u64) -> Judged {
        let mut site = Self::new(twin, interval);
        for block in twin.view(mask) {
            site.dag.insert(block.clone(), None, false);
        }
        site.judge();
        site.judged()
    }

    /// Block by block, and each time from the encoded state where there is one.
    fn restarting(twin: &'a Twin, mask: &'a Bits, interval: u64) -> Judged {
        let mut site = Self::new(twin, interval);
        for block in twin.view(mask) {
            site.dag.insert(block.clone(), None, false);
            let state = site.control.state().to_bytes();
            let state = ControlState::from_bytes(state).unwrap();
            site.control = Self::control(twin, site.interval, state);
            site.judge();
        }
        site.judged()
    }
}

fn model(twin: &Twin, mask: &Bits, interval: u64) -> Judged {
    let Generated { row, schedule, .. } = &twin.generated;
    let view = reference::View::new(&twin.model, row, mask);
    let control = reference::control(&view, interval as usize, schedule);
    let mode = |mode: &reference::Mode| match mode {
        reference::Mode::S => Mode::S,
        reference::Mode::A => Mode::A,
    };
    Judged {
        modes: control.modes.iter().skip(2).map(mode).collect(),
        prefix: control.prefixes.last().copied().unwrap_or(0) as u64,
    }
}

fn rows() -> Vec<(Row, Pattern, Options)> {
    let four = Row::arbitrary(4, 1, 0);
    let (plain, weak) = (Options { weak_links: false }, Options { weak_links: true });
    vec![
        (four.clone(), Pattern::A, plain),
        (four.clone(), Pattern::S, weak),
        (four.slow_path_only(), Pattern::Mixed, plain),
        (Row::arbitrary(7, 2, 0).slow_path_only(), Pattern::S, plain),
    ]
}

/// What a batch of DAGs showed.
#[derive(Default, Debug)]
struct Seen {
    first_difference: Option<String>,
    judged: usize,
    failovers: usize,
    returns: usize,
}

fn compare(seeds: std::ops::Range<u64>) -> Seen {
    let mut seen = Seen::default();
    for (row, pattern, options) in rows() {
        for seed in seeds.clone() {
            let twin = Twin::new(generate(seed, &row, ROUNDS, pattern, options));
            let mut rng = ChaCha8Rng::seed_from_u64(!seed);
            let everything = twin.model.everything();
            let views = (0..VIEWS).map(|_| twin.generated.sub_view(&mut rng));
            let views: Vec<Bits> = views.chain([everything]).collect();
            for mask in &views {
                let expected = model(&twin, mask, INTERVAL);
                let once = Site::at_once(&twin, mask, INTERVAL);
                let again = Site::restarting(&twin, mask, INTERVAL);
                seen.judged += expected.modes.len();
                let changes = |from, to| {
                    let pairs = expected.modes.windows(2);
                    pairs.filter(|pair| **pair == [from, to]).count()
                };
                seen.failovers += changes(Mode::S, Mode::A);
                seen.returns += changes(Mode::A, Mode::S);
                if once != expected || again != expected {
                    let text = format!(
                        "n {} {pattern:?} seed {seed}: {once:?}, {again:?}, not {expected:?}",
                        row.n
                    );
                    seen.first_difference.get_or_insert(text);
                }
            }
        }
    }
    seen
}

#[test]
fn t15_every_view_judges_as_the_reference_does_in_whatever_order_blocks_come() {
    let seen = compare(0..DAGS);
    println!("{seen:?}");
    assert_eq!(seen.first_difference, None);
    assert!(seen.judged > 1000 && seen.failovers > 20, "{seen:?}");
}

#[test]
fn t15_every_view_judges_as_the_reference_does_in_whatever_order_blocks_come_slow() {
    if std::env::var_os("MAFTIA_SLOW").is_none() {
        println!("skipped: set MAFTIA_SLOW=1");
        return;
    }
    assert_eq!(compare(DAGS..DAGS * SLOW_FACTOR).first_difference, None);
}

#[test]
fn t15_a_mode_that_is_judged_by_what_is_held_is_caught() {
    let seen = plant("modes judged by what is held", || compare(0..DAGS));
    assert!(seen.first_difference.is_some());
}

#[test]
fn a_return_that_does_not_wait_is_caught() {
    let seen = plant("return at once", || compare(0..DAGS));
    let seen = seen.first_difference.or_else(|| {
        let twin = attack(7);
        let everything = twin.model.everything();
        let wrong = plant("return at once", || Site::at_once(&twin, &everything, 10));
        (wrong != model(&twin, &everything, 10)).then(|| format!("{wrong:?}"))
    });
    assert!(seen.is_some());
}

/// 60 calm rounds, 100 in which each known leader has just too few votes, 60 calm ones.
fn attack(seed: u64) -> Twin {
    let row = Row::arbitrary(4, 1, 0);
    let (dag, schedule) = attacked(seed, &row);
    let modes = vec![reference::Mode::S; schedule.known.len()];
    Twin::new(Generated {
        row,
        dag,
        schedule,
        modes,
        byzantine: BTreeSet::new(),
    })
}

/// How far slots are settled when the tip is at each 20th round: by the engine, or by the engine
/// with known leaders only.
fn frontiers(twin: &Twin, never: bool) -> Vec<(u64, u64)> {
    let interval = reference::INTERVAL as u64;
    let mut site = Site::new(twin, interval);
    let committer = Committer::new(Site::rule(twin), Site::schedule(twin), Round(0));
    let mut modes = Modes::by_interval(interval);
    modes.learn(0, Mode::S);
    modes.learn(1, Mode::S);
    let mut committer = if never {
        committer
    } else {
        committer.with_modes(modes)
    };
    for (round, leader) in (0..).map(Round).zip(&twin.generated.schedule.coin) {
        committer.learn_coin(round, SiteId::new(*leader).unwrap());
    }
    let everything = twin.model.everything();
    let mut seen = Vec::new();
    for block in twin.view(&everything) {
        site.dag.insert(block.clone(), None, false);
        if block.author().index() + 1 < twin.generated.row.n {
            continue;
        }
        let known = site.modes.len();
        site.judge();
        for (interval, mode) in (2..).zip(&site.modes).skip(known) {
            committer.learn_mode(interval, *mode);
        }
        committer.advance(&site.dag).unwrap();
        if block.round().0.is_multiple_of(20) {
            seen.push((block.round().0, committer.settled().0));
        }
    }
    seen
}

#[test]
fn t02_a_leader_aiming_network_stalls_known_leaders_and_the_coin_takes_over() {
    for seed in 0..5 {
        let twin = attack(seed);
        let never = frontiers(&twin, true);
        assert!(
            never.contains(&(160, 58)) || never.contains(&(160, 59)),
            "{never:?}"
        );
        let auto = frontiers(&twin, false);
        let lag = |tip: u64| tip - auto.iter().find(|(at, _)| *at == tip).unwrap().1;
        // Within three intervals of the attack's beginning, and for good.
        assert!(lag(100) <= 20, "seed {seed}: {auto:?}");
        for tip in [120, 140, 160, 180, 200, 220] {
            assert!(lag(tip) <= 20, "seed {seed}: {auto:?}");
        }
        assert!(lag(220) <= 5, "back to known leaders: {auto:?}");
        let judged = Site::at_once(&twin, &twin.model.everything(), 10);
        assert_eq!(judged, model(&twin, &twin.model.everything(), 10));
        let last = judged.modes.last();
        assert_eq!(last, Some(&Mode::S), "{judged:?}");
        let failovers = judged
            .modes
            .windows(2)
            .filter(|w| **w == [Mode::S, Mode::A]);
        assert_eq!(failovers.count(), 1, "{judged:?}");
    }
}
