use maftia_types::FaultModel;
use proptest::prelude::*;

use super::*;

const MUTE: Reason = Reason::Mute;

struct Court {
    resilience: Resilience,
    convicted: SiteSet,
    commit: u64,
    state: Accusations,
}

fn site(index: u8) -> SiteId {
    SiteId::new(index).unwrap()
}

impl Court {
    fn of(n: usize) -> Self {
        Self {
            resilience: Resilience::largest(FaultModel::Arbitrary, n).unwrap(),
            convicted: SiteSet::EMPTY,
            commit: 1000,
            state: Accusations::default(),
        }
    }

    fn accuse(&mut self, by: impl IntoIterator<Item = u8>, accused: u8) {
        let (resilience, convicted) = (self.resilience, self.convicted);
        let at = Session {
            resilience: &resilience,
            convicted,
            commit: self.commit,
        };
        for by in by {
            self.state
                .accuse(self.commit, site(by), site(accused), MUTE);
        }
        self.state.settle(at);
    }

    fn retract(&mut self, by: u8, accused: u8) {
        self.state.retract(site(by), site(accused));
        self.accuse([], 0);
    }

    fn at(&mut self, commit: u64) -> Vec<SiteId> {
        self.commit = commit;
        self.accuse([], 0);
        self.official()
    }

    fn official(&self) -> Vec<SiteId> {
        self.state.official().map(|(site, _)| site).collect()
    }
}

#[test]
fn f_accusers_never_make_it_official_and_f_plus_1_do() {
    for (n, f) in [(4, 1), (7, 2), (10, 3), (31, 10)] {
        let accused = u8::try_from(n - 1).unwrap();
        let mut court = Court::of(n);
        for _ in 0..10 {
            court.commit += 1;
            court.accuse(0..f, accused);
            assert_eq!(court.official(), [], "n={n}");
        }
        court.accuse([f], accused);
        assert_eq!(court.official(), [site(accused)], "n={n}");
    }
}

#[test]
fn accusers_count_within_one_interval_only() {
    let mut court = Court::of(4);
    court.accuse([0], 3);
    court.commit += INTERVAL_COMMITS;
    court.accuse([1], 3);
    assert_eq!(court.official(), [], "one commit too late");
    let mut court = Court::of(4);
    court.accuse([0], 3);
    court.commit += INTERVAL_COMMITS - 1;
    court.accuse([1], 3);
    assert_eq!(court.official(), [site(3)]);
}

#[test]
fn it_expires_four_intervals_after_it_was_last_renewed() {
    let mut court = Court::of(4);
    court.accuse([0, 1], 3);
    let last = 1000 + EXPIRY_COMMITS - 1;
    assert_eq!(court.at(last), [site(3)]);
    // One accuser alone renews nothing.
    court.accuse([0], 3);
    assert_eq!(court.at(last + 1), []);

    let mut court = Court::of(4);
    court.accuse([0, 1], 3);
    court.commit += 200;
    court.accuse([0, 2], 3);
    assert_eq!(court.at(1200 + EXPIRY_COMMITS - 1), [site(3)], "renewed");
    assert_eq!(court.at(1200 + EXPIRY_COMMITS), []);
}

#[test]
fn it_ends_when_fewer_than_f_plus_1_still_say_so() {
    let mut court = Court::of(4);
    court.accuse([0, 1, 2], 3);
    court.retract(0, 3);
    assert_eq!(court.official(), [site(3)]);
    court.retract(1, 3);
    assert_eq!(court.official(), []);
}

#[test]
fn at_most_f_are_official_and_the_next_takes_a_free_place() {
    let mut court = Court::of(7);
    for accused in [6, 5, 4] {
        court.commit += 1;
        court.accuse([0, 1, 2], accused);
    }
    assert_eq!(court.official(), [site(5), site(6)], "first come");
    court.retract(0, 6);
    court.retract(1, 6);
    assert_eq!(court.official(), [site(4), site(5)]);
}

#[test]
fn candidates_of_the_same_commit_are_taken_by_name() {
    let mut court = Court::of(4);
    let (resilience, convicted) = (court.resilience, court.convicted);
    let at = Session {
        resilience: &resilience,
        convicted,
        commit: court.commit,
    };
    for (by, accused) in [(0, 3), (1, 3), (0, 2), (1, 2)] {
        court.state.accuse(at.commit, site(by), site(accused), MUTE);
    }
    court.state.settle(at);
    assert_eq!(court.official(), [site(2)]);
}

#[test]
fn a_conviction_replaces_accusations_and_the_convicted_accuse_nobody() {
    let mut court = Court::of(4);
    court.accuse([0, 1], 3);
    court.convicted.insert(site(3));
    court.accuse([], 0);
    assert_eq!(court.official(), []);
    court.accuse([3, 0], 2);
    assert_eq!(court.official(), []);
    court.accuse([1], 2);
    assert_eq!(court.official(), [site(2)]);
}

#[test]
fn nobody_accuses_itself_or_strangers() {
    let mut court = Court::of(4);
    court.accuse([3, 3], 3);
    court.accuse([9, 10], 1);
    court.accuse([0, 1], 9);
    assert_eq!(court.state, Accusations::default());
}

#[test]
fn a_hostile_site_that_accuses_everyone_changes_nothing() {
    let mut court = Court::of(4);
    for commit in 1..2000 {
        court.commit = commit;
        (0..4).for_each(|accused| court.accuse([3], accused));
        assert_eq!(court.official(), []);
    }
    assert!(
        court.state.standing.len() <= 3,
        "and what is kept is bounded"
    );
}

proptest! {
    #[test]
    fn whatever_is_said_no_more_than_f_are_official_and_a_correct_site_said_so(
        words in prop::collection::vec((0..7u8, 0..7u8, any::<bool>(), 0..40u64), 0..300),
    ) {
        let mut court = Court::of(7);
        for (by, accused, accuses, later) in words {
            court.commit += later;
            if accuses {
                court.accuse([by], accused);
            } else {
                court.retract(by, accused);
            }
            prop_assert!(court.official().len() <= 2);
            for (official, own) in court.state.official() {
                let said = court.state.against(official).count();
                prop_assert!(said >= 3, "one of them is correct");
                prop_assert!(own.renewed + EXPIRY_COMMITS > court.commit);
            }
            let bytes = court.state.to_bytes();
            prop_assert_eq!(&Accusations::from_bytes(bytes).unwrap(), &court.state);
        }
    }
}

#[test]
fn an_encoding_in_another_order_is_refused() {
    let mut court = Court::of(4);
    court.accuse([0, 1], 3);
    let bytes = court.state.to_bytes();
    let mut swapped = bytes.to_vec();
    let (first, second) = (4..15, 15..26);
    swapped[first.clone()].copy_from_slice(&bytes[second.clone()]);
    swapped[second].copy_from_slice(&bytes[first]);
    assert_ne!(swapped, bytes);
    assert!(Accusations::from_bytes(swapped.into()).is_err());
}
