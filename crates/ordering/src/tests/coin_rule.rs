//! The A rule at its thresholds. Seven sites, q = 5; the coin has named site 6 in round 1.

use maftia_types::{Epoch, FaultModel, Resilience, Round};

use super::blocks::{header, own_first};
use super::harness::*;
use crate::rule::Contradiction;
use crate::*;

const LEADER: u8 = 6;
const SLOT: Round = Round(1);

fn rule() -> Rule {
    let resilience = Resilience::largest(FaultModel::Arbitrary, 7).unwrap();
    Rule::new(resilience, false).unwrap()
}

/// Three full rounds in which nobody has cited what the leader made for round 1.
struct Scene {
    dag: Dag,
    leaders: Vec<BlockRef>,
    below: Vec<BlockRef>,
}

impl Scene {
    fn new(twins: u64) -> Self {
        let mut dag = Dag::genesis(CONFIG, Epoch(0), 7).with_support();
        let mut below: Vec<_> = dag.round(Round(0)).map(|e| e.block.reference()).collect();
        let twins = (0..twins).map(|twin| add(&mut dag, LEADER.into(), 1, &below, twin));
        let mut leaders: Vec<BlockRef> = twins.collect();
        leaders.sort_unstable();
        for round in 1..=3 {
            below = (0..6)
                .map(|author| add(&mut dag, author, round, &below, 0))
                .collect();
        }
        Self {
            dag,
            leaders,
            below,
        }
    }

    /// The block of `author` at round 4, with these of the leader's in its history.
    fn vote(&mut self, author: usize, seen: &[usize]) -> BlockRef {
        let leaders = seen.iter().map(|twin| self.leaders[*twin]);
        let parents: Vec<_> = self.below.iter().copied().chain(leaders).collect();
        let time = seen.iter().map(|twin| twin + 1).sum::<usize>();
        add(&mut self.dag, author, 4, &parents, time as u64)
    }

    fn certify(&mut self, author: usize, votes: &[BlockRef]) -> BlockRef {
        add(&mut self.dag, author, 5, votes, 0)
    }

    fn direct(&self) -> Result<Verdict, Contradiction> {
        rule().direct(&self.dag, Mode::A, site(LEADER), SLOT)
    }
}

fn add(dag: &mut Dag, author: usize, round: u64, parents: &[BlockRef], twin: u64) -> BlockRef {
    let mut header = header(author, round, own_first(author, parents));
    header.time_ms += twin;
    let block = Block::sign(header, &key(author));
    dag.insert(block.clone(), None, false);
    block.reference()
}

/// Of six blocks at round 4 that many vote; that many at round 5 have seen these votes first.
fn commit_with(votes: usize, certifiers: usize) -> Result<Verdict, Contradiction> {
    let mut scene = Scene::new(1);
    let cast: Vec<_> = (0..6)
        .map(|author| {
            if author < votes {
                scene.vote(author, &[0])
            } else {
                scene.vote(author, &[])
            }
        })
        .collect();
    for author in 0..certifiers {
        scene.certify(author, &cast[..5]);
    }
    scene.direct()
}

#[test]
fn q_certifiers_of_q_votes_each_commit_and_one_less_of_either_does_not() {
    let leader = Scene::new(1).leaders[0];
    assert_eq!(commit_with(5, 5), Ok(Verdict::Commit(leader)));
    assert_eq!(commit_with(6, 6), Ok(Verdict::Commit(leader)));
    assert_eq!(commit_with(5, 4), Ok(Verdict::Undecided));
    assert_eq!(commit_with(4, 6), Ok(Verdict::Undecided));
}

#[test]
fn q_blank_votes_skip_and_one_less_does_not() {
    for blank in 0..=6 {
        let mut scene = Scene::new(1);
        for author in 0..6 {
            let seen: &[usize] = if author < blank { &[] } else { &[0] };
            scene.vote(author, seen);
        }
        let expected = match blank {
            5.. => Verdict::Skip,
            _ => Verdict::Undecided,
        };
        assert_eq!(scene.direct(), Ok(expected), "{blank} blank votes");
    }
}

#[test]
fn a_slot_whose_leader_made_nothing_is_skipped() {
    let mut scene = Scene::new(0);
    for author in 0..4 {
        scene.vote(author, &[]);
    }
    assert_eq!(scene.direct(), Ok(Verdict::Undecided));
    scene.vote(4, &[]);
    assert_eq!(scene.direct(), Ok(Verdict::Skip));
}

#[test]
fn two_blank_votes_of_one_author_count_once() {
    let mut scene = Scene::new(2);
    for author in 0..4 {
        scene.vote(author, &[]);
    }
    let parents: Vec<_> = scene.below[1..].to_vec();
    add(&mut scene.dag, 3, 4, &parents, 9);
    assert_eq!(scene.direct(), Ok(Verdict::Undecided));
}

#[test]
fn t01_who_has_seen_two_twins_votes_for_the_least_in_whatever_order_they_came() {
    let mut scene = Scene::new(2);
    let votes: Vec<_> = (0..5).map(|author| scene.vote(author, &[1, 0])).collect();
    for vote in &votes {
        assert_eq!(
            scene.dag.support(vote, site(LEADER), SLOT),
            Some(scene.leaders[0])
        );
    }
    for author in 0..5 {
        scene.certify(author, &votes);
    }
    assert_eq!(scene.direct(), Ok(Verdict::Commit(scene.leaders[0])));
}

#[test]
fn t01_votes_split_between_twins_settle_nothing_directly() {
    for first in 1..=4 {
        let mut scene = Scene::new(2);
        let votes: Vec<_> = (0..6)
            .map(|author| scene.vote(author, &[usize::from(author >= first)]))
            .collect();
        for author in 0..6 {
            scene.certify(author, &votes);
        }
        let expected = match first {
            1 => Verdict::Commit(scene.leaders[1]),
            _ => Verdict::Undecided,
        };
        assert_eq!(scene.direct(), Ok(expected), "{first} for the first twin");
    }
}

#[test]
fn support_reaches_four_rounds_down_and_no_further() {
    let mut scene = Scene::new(1);
    let vote = scene.vote(0, &[0]);
    let above = scene.certify(0, &[vote]);
    let two_above = add(&mut scene.dag, 0, 6, &[above], 0);
    let support = |block| scene.dag.support(block, site(LEADER), SLOT);
    assert_eq!(support(&vote), Some(scene.leaders[0]));
    assert_eq!(support(&above), Some(scene.leaders[0]));
    assert_eq!(support(&two_above), None);
}

fn indirect(votes: usize) -> Verdict {
    let mut scene = Scene::new(1);
    let cast: Vec<_> = (0..6)
        .map(|author| {
            if author < votes {
                scene.vote(author, &[0])
            } else {
                scene.vote(author, &[])
            }
        })
        .collect();
    let certifier = scene.certify(0, &cast[..5]);
    let others = (1..6).map(|author| scene.certify(author, &cast[1..6]));
    let others: Vec<_> = others.collect();
    let anchor = add(
        &mut scene.dag,
        1,
        6,
        &[&[certifier], &others[..4]].concat(),
        0,
    );
    rule().indirect(&scene.dag, &anchor, (Mode::A, site(LEADER)), SLOT)
}

#[test]
fn one_certificate_in_an_anchors_history_commits_and_none_skips() {
    let leader = Scene::new(1).leaders[0];
    assert_eq!(indirect(5), Verdict::Commit(leader));
    assert_eq!(indirect(4), Verdict::Skip);
}

#[test]
fn a_coin_may_be_read_once_q_authors_are_four_rounds_above() {
    let mut scene = Scene::new(1);
    let votes: Vec<_> = (0..6).map(|author| scene.vote(author, &[0])).collect();
    let nobody = Schedule::fixed(vec![site(0)]);
    let committer = Committer::new(rule(), nobody, Round(0));
    let mut committer = committer.with_modes(Modes::all(Mode::A));
    for author in 0..4 {
        scene.certify(author, &votes);
    }
    assert_eq!(committer.wanted_coins(&scene.dag), []);
    scene.certify(4, &votes);
    assert_eq!(committer.wanted_coins(&scene.dag), [SLOT]);
    assert_eq!(committer.advance(&scene.dag).unwrap(), []);
    committer.learn_coin(SLOT, site(LEADER));
    assert_eq!(committer.wanted_coins(&scene.dag), []);
    let settled = committer.advance(&scene.dag).unwrap();
    assert_eq!(settled, [(SLOT, Verdict::Commit(scene.leaders[0]))]);
}

#[test]
fn two_certified_blocks_of_one_slot_are_a_contradiction() {
    let mut scene = Scene::new(2);
    for twin in 0..2 {
        let votes: Vec<_> = (0..5).map(|author| scene.vote(author, &[twin])).collect();
        scene.certify(twin, &votes);
    }
    assert_eq!(scene.direct(), Err(Contradiction::TwoLeaders));
}

#[test]
fn a_slot_that_is_committed_and_skipped_is_a_contradiction() {
    let mut scene = Scene::new(1);
    let votes: Vec<_> = (0..5).map(|author| scene.vote(author, &[0])).collect();
    for author in 0..5 {
        scene.certify(author, &votes);
        scene.vote(author, &[]);
    }
    assert_eq!(scene.direct(), Err(Contradiction::CommitAndSkip));
}
