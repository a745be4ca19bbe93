use maftia_codec::Wire;
use maftia_crypto::SigningKey;
use maftia_ordering::{Block, Equivocation, Header, payload_digest};
use maftia_types::{Duration, Epoch};
use proptest::prelude::*;

use super::*;

/// A round of the group takes this long here.
const ROUND: Duration = Duration::from_millis(100);

fn site(index: u8) -> SiteId {
    SiteId::new(index).unwrap()
}

/// A detector of sites B and C in virtual time, in which C is always punctual.
struct Watch {
    detector: Detector,
    now: Time,
    round: u64,
}

impl Watch {
    fn new() -> Self {
        let mut detector = Detector::new(Settings::default());
        let universe = [site(1), site(2)].into_iter().collect();
        detector.monitor(Time::ZERO, universe).unwrap();
        Self {
            detector,
            now: Time::ZERO,
            round: 0,
        }
    }

    /// The group makes a round; B shows the block it made so many rounds ago.
    fn round(&mut self, behind: Option<u64>) -> Vec<Change> {
        self.now += ROUND;
        self.round += 1;
        let round = Round(self.round);
        self.detector
            .observe(self.now, Observation::Group { round });
        let punctual = Observation::Block {
            site: site(2),
            round,
        };
        self.detector.observe(self.now, punctual);
        if let Some(behind) = behind {
            let round = Round(self.round.saturating_sub(behind));
            let late = Observation::Block {
                site: site(1),
                round,
            };
            self.detector.observe(self.now, late);
        }
        self.detector.tick(self.now)
    }

    fn reason(&self) -> Option<Reason> {
        match self.detector.level(site(1)).unwrap() {
            Level::Suspected(suspected) => Some(suspected.reason),
            Level::Trusted | Level::Convicted(_) => None,
        }
    }

    /// Rounds without a block of B until it is suspected.
    fn until_suspected(&mut self) -> u64 {
        (1..100_000)
            .find(|_| {
                self.round(None);
                self.reason().is_some()
            })
            .expect("a mute site is suspected")
    }
}

#[test]
fn a_mute_site_is_suspected_within_the_stated_bound_and_not_before() {
    let mut watch = Watch::new();
    (0..100).for_each(|_| drop(watch.round(Some(0))));
    let threshold = watch.detector.threshold(site(1)).unwrap().clone();
    let patience = threshold.patience().as_nanos() / ROUND.as_nanos();
    // Behind by more than the threshold for longer than the patience.
    assert_eq!(watch.until_suspected(), threshold.rounds() + 1 + patience);
    assert_eq!(watch.reason(), Some(Reason::Mute));
    assert_eq!(watch.detector.level(site(2)), Some(Level::Trusted));
}

#[test]
fn a_pause_of_the_scheduler_is_no_silence_however_many_rounds_pass() {
    let mut watch = Watch::new();
    let group = Observation::Group {
        round: Round(100_000),
    };
    watch.detector.observe(watch.now, group);
    let pause = Duration::from_millis(2999);
    assert_eq!(watch.detector.tick(watch.now), []);
    assert_eq!(watch.detector.tick(watch.now + pause), []);
    let suspected = watch
        .detector
        .tick(watch.now + pause + Duration::from_millis(1));
    assert_eq!(suspected.len(), 2);
}

#[test]
fn nobody_is_suspected_while_the_whole_group_stands_still() {
    let mut watch = Watch::new();
    (0..10).for_each(|_| drop(watch.round(Some(0))));
    let later = watch.now + Duration::from_secs(1_000_000);
    assert_eq!(watch.detector.tick(later), []);
}

#[test]
fn a_false_suspicion_is_withdrawn_and_doubles_the_threshold() {
    let mut watch = Watch::new();
    (0..50).for_each(|_| drop(watch.round(Some(0))));
    let first = watch.until_suspected();
    let changes = watch.round(Some(0));
    let trusted = Change {
        site: site(1),
        level: Level::Trusted,
    };
    assert_eq!(changes, [trusted]);
    (0..50).for_each(|_| drop(watch.round(Some(0))));
    let second = watch.until_suspected();
    assert!(second >= 2 * first - 2, "{first} and then {second}");
    // Long peace brings it back.
    watch.round(Some(0));
    for _ in 0..Bounds::default().decay.as_nanos() / ROUND.as_nanos() * 2 {
        watch.round(Some(0));
    }
    assert_eq!(watch.until_suspected(), first);
}

#[test]
fn a_site_that_comes_back_is_fine_only_once_it_was_heard() {
    let mut watch = Watch::new();
    assert!(!watch.detector.is_fine(site(1)), "nothing is known of it");
    watch.until_suspected();
    assert!(!watch.detector.is_fine(site(1)));
    watch.round(Some(0));
    assert!(watch.detector.is_fine(site(1)));
}

#[test]
fn without_a_clock_rounds_alone_decide_and_the_suspicion_says_so() {
    let mut watch = Watch::new();
    watch.detector.tick(Time::from_nanos(u64::MAX));
    watch.until_suspected();
    let Some(Level::Suspected(suspected)) = watch.detector.level(site(1)) else {
        panic!("suspected");
    };
    assert!(!suspected.timed);
    assert!(suspected.degree > 200, "{suspected:?}");
}

#[test]
fn more_sites_than_the_universe_holds_are_refused_and_nothing_changes() {
    let settings = Settings {
        universe_max: 3,
        ..Settings::default()
    };
    let mut detector = Detector::new(settings);
    let three: SiteSet = SiteId::all(3).collect();
    detector.monitor(Time::ZERO, three).unwrap();
    detector.monitor(Time::ZERO, three).unwrap();
    let refused = detector.monitor(Time::ZERO, [site(3)].into_iter().collect());
    let (asked, max) = (4, 3);
    assert_eq!(refused, Err(MonitorError::TooMany { asked, max }));
    assert_eq!(detector.levels().count(), 3);
    detector.unmonitor([site(0)].into_iter().collect());
    assert_eq!(detector.level(site(0)), None);
    assert!(
        detector
            .monitor(Time::ZERO, [site(3)].into_iter().collect())
            .is_ok()
    );
}

#[test]
fn a_proof_convicts_for_ever_and_what_is_none_does_not() {
    let key = SigningKey::mock(1);
    let block = |time_ms| {
        let header = Header {
            config: Digest([1; 32]),
            epoch: Epoch(0),
            round: Round(3),
            author: site(1),
            parents: Vec::new(),
            payload_digest: payload_digest(b""),
            payload_len: 0,
            coin_shares: Vec::new(),
            commit_vote: None,
            checkpoint_vote: None,
            time_ms,
        };
        Block::sign(header, &key)
    };
    let proof = Proof::from(Equivocation::new(block(1), block(2)).unwrap());
    let mut watch = Watch::new();
    let other = SigningKey::mock(2).public();
    assert!(watch.detector.report_evidence(&proof, &other).is_err());
    assert_eq!(watch.detector.level(site(1)), Some(Level::Trusted));
    let culprit = watch.detector.report_evidence(&proof, &key.public());
    assert_eq!(culprit, Ok(site(1)));
    (0..100).for_each(|_| drop(watch.round(Some(0))));
    let level = watch.detector.level(site(1));
    assert_eq!(level, Some(Level::Convicted(proof.digest())));
    assert_eq!(Proof::from_bytes(proof.to_bytes()), Ok(proof));
}

fn after(observations: &[(Observation, u64)]) -> Option<Reason> {
    let mut watch = Watch::new();
    for (observation, times) in observations {
        (0..*times).for_each(|_| watch.detector.observe(watch.now, *observation));
    }
    watch.round(Some(0));
    watch.reason()
}

#[test]
fn a_few_invalid_messages_are_forgiven_and_many_are_not() {
    let message = |invalid| Observation::Message {
        site: site(1),
        invalid,
    };
    assert_eq!(after(&[(message(true), 7)]), None, "too few to tell");
    assert_eq!(after(&[(message(true), 8)]), Some(Reason::Invalid));
    // One in 64 is the bar.
    let among = |fine| after(&[(message(false), fine), (message(true), 10)]);
    assert_eq!(among(629), Some(Reason::Invalid));
    assert_eq!(among(631), None);
}

#[test]
fn bytes_that_are_mostly_refused_are_abuse() {
    let bytes = |taken, refused| Observation::Bytes {
        site: site(1),
        taken,
        refused,
    };
    let least = Limits::default().refused_min;
    assert_eq!(after(&[(bytes(0, least - 1), 1)]), None);
    assert_eq!(after(&[(bytes(0, least), 1)]), Some(Reason::Abusive));
    assert_eq!(after(&[(bytes(least, least), 1)]), None, "half and half");
    let most = after(&[(bytes(least - 8192, least), 1)]);
    assert_eq!(most, Some(Reason::Abusive));
}

#[test]
fn blocks_that_take_far_longer_than_others_are_late_and_those_of_a_slow_group_are_not() {
    let late = |site, rounds| Observation::Delivered { site, rounds };
    assert_eq!(after(&[(late(site(1), 40), 200)]), Some(Reason::Late));
    let slow_group = [(late(site(1), 40), 200), (late(site(2), 30), 200)];
    assert_eq!(after(&slow_group), None);
    assert_eq!(after(&[(late(site(1), 15), 200)]), None);
}

#[test]
fn rudeness_is_forgiven_after_some_windows_of_good_conduct() {
    let mut watch = Watch::new();
    let message = |invalid| Observation::Message {
        site: site(1),
        invalid,
    };
    (0..20).for_each(|_| watch.detector.observe(watch.now, message(true)));
    watch.round(Some(0));
    assert_eq!(watch.reason(), Some(Reason::Invalid));
    let windows = 5 * Limits::default().window.as_nanos() / ROUND.as_nanos();
    for _ in 0..windows {
        watch.detector.observe(watch.now, message(false));
        watch.round(Some(0));
    }
    assert_eq!(watch.reason(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Slow by whatever it is, it is not suspected for ever.
    #[test]
    fn a_steadily_slow_site_ceases_to_be_suspected(late in 0u64..120, jitter in 0u64..30) {
        let mut watch = Watch::new();
        (0..100).for_each(|_| drop(watch.round(Some(0))));
        for i in 0..2000 {
            watch.round(Some(late + i * 7 % (jitter + 1)));
        }
        let mut calm = 0;
        for i in 0..500 {
            watch.round(Some(late + i * 7 % (jitter + 1)));
            calm += u64::from(watch.reason().is_none());
        }
        prop_assert_eq!(calm, 500);
    }

    /// However it has behaved before, a site that falls mute is suspected within the bounds.
    #[test]
    fn a_site_that_falls_mute_is_suspected_within_the_bounds(
        behaviour in prop::collection::vec(prop::option::of(0u64..300), 0..400),
    ) {
        let mut watch = Watch::new();
        for behind in behaviour {
            watch.round(behind);
        }
        let bounds = Bounds::default();
        let most = bounds.rounds_max + 1 + bounds.patience_max.as_nanos() / ROUND.as_nanos();
        if watch.reason().is_none() {
            prop_assert!(watch.until_suspected() <= most);
        }
    }
}
