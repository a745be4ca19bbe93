//! The fast path at its thresholds. Seven sites, site 6 leads round 1: q = q_sp = 5, q_f = 6,
//! T1 = 2, T2 = 3.

use maftia_protocol::plant;
use maftia_types::{Epoch, FaultModel, Resilience, Round};

use super::blocks::{header, own_first};
use super::harness::*;
use crate::rule::Contradiction;
use crate::*;

const LEADER: usize = 6;
const SLOT: Round = Round(1);

fn rule() -> Rule {
    let resilience = Resilience::largest(FaultModel::Arbitrary, 7).unwrap();
    Rule::new(resilience, true).unwrap()
}

/// A DAG of seven sites, whose leader has made one block or two for round 1.
struct Scene {
    dag: Dag,
    leaders: Vec<BlockRef>,
    others: Vec<BlockRef>,
}

impl Scene {
    fn new(twins: usize) -> Self {
        let mut dag = Dag::genesis(CONFIG, Epoch(0), 7);
        let genesis: Vec<_> = dag.round(Round(0)).map(|e| e.block.reference()).collect();
        let others = (0..LEADER).map(|author| add(&mut dag, author, 1, &genesis, 0));
        let others = others.collect();
        let leaders = (0..twins).map(|twin| add(&mut dag, LEADER, 1, &genesis, twin as u64));
        let leaders = leaders.collect();
        Self {
            dag,
            leaders,
            others,
        }
    }

    /// The block of `author` at round 2, which votes for one of the leader's blocks or for none.
    fn vote(&mut self, author: usize, leader: Option<usize>) -> BlockRef {
        let leader = leader.map(|twin| self.leaders[twin]);
        let parents: Vec<_> = self.others.iter().copied().chain(leader).collect();
        let twin = leader.map_or(0, |leader| u64::from(leader.digest.0[0]));
        add(&mut self.dag, author, 2, &parents, twin)
    }

    /// The block of `author` at round 3 that has seen these of round 2.
    fn read(&mut self, author: usize, votes: &[BlockRef]) -> BlockRef {
        add(&mut self.dag, author, 3, votes, 0)
    }

    fn direct(&self) -> Result<Verdict, Contradiction> {
        rule().direct(&self.dag, Mode::S, site(LEADER as u8), SLOT)
    }

    /// What an anchor at round 4 says that has seen these of round 3.
    fn indirect(&mut self, read: &[BlockRef]) -> Verdict {
        let anchor = add(&mut self.dag, 0, 4, read, 0);
        rule().indirect(&self.dag, &anchor, (Mode::S, site(LEADER as u8)), SLOT)
    }
}

fn add(dag: &mut Dag, author: usize, round: u64, parents: &[BlockRef], twin: u64) -> BlockRef {
    let mut header = header(author, round, own_first(author, parents));
    header.time_ms += twin;
    let block = Block::sign(header, &key(author));
    dag.insert(block.clone(), None, false);
    block.reference()
}

#[test]
fn q_f_votes_commit_at_once_and_one_less_does_not() {
    for votes in 0..=7 {
        let mut scene = Scene::new(1);
        for author in 0..7 {
            scene.vote(author, (author < votes).then_some(0));
        }
        let expected = if votes >= 6 {
            Verdict::Commit(scene.leaders[0])
        } else {
            Verdict::Undecided
        };
        assert_eq!(scene.direct(), Ok(expected), "{votes} votes");
    }
}

#[test]
fn a_voter_that_votes_twice_is_counted_once() {
    let mut scene = Scene::new(1);
    for author in 0..5 {
        scene.vote(author, Some(0));
    }
    let parents: Vec<_> = scene.others[1..].to_vec();
    let parents = [&parents[..], &scene.leaders].concat();
    add(&mut scene.dag, 4, 2, &parents, 77);
    assert_eq!(scene.direct(), Ok(Verdict::Undecided));
    let wrong = plant("fast votes counted by blocks", || scene.direct());
    assert_eq!(wrong, Ok(Verdict::Commit(scene.leaders[0])));
}

/// Of the round-3 blocks of 0 to 4, the last sees `seen` of the `votes` for the leader.
fn skip_with(votes: usize, seen: usize) -> Result<Verdict, Contradiction> {
    let mut scene = Scene::new(1);
    let cast: Vec<_> = (0..7)
        .map(|author| scene.vote(author, (author >= 7 - votes).then_some(0)))
        .collect();
    let few = 5.min(7 - votes);
    for author in 0..4 {
        scene.read(author, &cast[..5.max(few)]);
    }
    let for_it = cast[7 - votes..].iter().take(seen);
    let against = cast[..few].iter().take(5 - seen);
    let read: Vec<_> = against.chain(for_it).copied().collect();
    scene.read(4, &read);
    scene.direct()
}

#[test]
fn a_skip_takes_q_sp_non_voters_and_not_one_less() {
    assert_eq!(skip_with(2, 0), Ok(Verdict::Skip));
    assert_eq!(skip_with(3, 1), Ok(Verdict::Undecided));
}

#[test]
fn t1_votes_make_a_block_evidence_and_one_less_does_not() {
    assert_eq!(skip_with(2, 1), Ok(Verdict::Skip));
    assert_eq!(skip_with(2, 2), Ok(Verdict::Undecided));
    let wrong = plant("evidence threshold less one", || skip_with(2, 1));
    assert_eq!(wrong, Ok(Verdict::Undecided));
}

/// Five blocks at round 3 see `first` votes for one twin and `second` for the other.
fn anchor_with(first: usize, second: usize, readers: usize) -> (Scene, Verdict) {
    let mut scene = Scene::new(2);
    let twin = |author| match author {
        _ if author < first => Some(0),
        _ if author < first + second => Some(1),
        _ => None,
    };
    let cast: Vec<_> = (0..5).map(|a| scene.vote(a, twin(a))).collect();
    let read: Vec<_> = (0..readers).map(|a| scene.read(a, &cast)).collect();
    let verdict = scene.indirect(&read);
    (scene, verdict)
}

#[test]
fn t2_votes_and_fewer_for_the_twin_make_evidence() {
    let (scene, verdict) = anchor_with(3, 2, 5);
    assert_eq!(verdict, Verdict::Commit(scene.leaders[0]));
    let (scene, verdict) = anchor_with(2, 3, 5);
    assert_eq!(verdict, Verdict::Commit(scene.leaders[1]));
    assert_eq!(anchor_with(2, 2, 5).1, Verdict::Skip, "T1 is not enough");
    let wrong = plant("evidence ignores twins", || anchor_with(2, 2, 5).1);
    assert!(matches!(wrong, Verdict::Commit(_)), "{wrong:?}");
}

#[test]
fn without_a_twin_t1_votes_make_evidence_for_an_anchor() {
    let (scene, verdict) = anchor_with(2, 0, 5);
    assert_eq!(verdict, Verdict::Commit(scene.leaders[0]));
    assert_eq!(anchor_with(1, 0, 5).1, Verdict::Skip);
}

#[test]
fn an_anchor_needs_the_evidence_of_q_sp_authors() {
    assert_eq!(anchor_with(3, 2, 4).1, Verdict::Skip);
    let wrong = plant("indirect without evidence", || anchor_with(3, 2, 5).1);
    assert_eq!(wrong, Verdict::Skip);
}

#[test]
fn a_leader_is_judged_by_q_sp_votes_or_q_sp_other_blocks() {
    for (votes, blank, judged) in [(5, 0, true), (4, 0, false), (2, 5, true), (2, 4, false)] {
        let mut scene = Scene::new(1);
        for author in 0..votes + blank {
            scene.vote(author, (author < votes).then_some(0));
        }
        let found = rule().leader_is_judged(&scene.dag, site(LEADER as u8), SLOT);
        assert_eq!(found, judged, "{votes} votes, {blank} for nobody");
    }
    let mut absent = Scene::new(0);
    for (author, judged) in [false, false, false, false, true].into_iter().enumerate() {
        absent.vote(author, None);
        let found = rule().leader_is_judged(&absent.dag, site(LEADER as u8), SLOT);
        assert_eq!(found, judged, "no leader, {} blocks", author + 1);
    }
}

#[test]
fn two_certified_leaders_of_one_slot_are_a_contradiction() {
    let mut scene = Scene::new(2);
    for twin in [0, 1] {
        let cast: Vec<_> = (0..5).map(|a| scene.vote(a, Some(twin))).collect();
        scene.read(twin, &cast);
    }
    assert_eq!(scene.direct(), Err(Contradiction::TwoLeaders));
    let schedule = Schedule::fixed(vec![site(LEADER as u8)]);
    let mut committer = Committer::new(rule(), schedule, Round(0));
    let alarm = committer.advance(&scene.dag).unwrap_err();
    assert!(alarm.text.contains("more than f"), "{}", alarm.text);
}

#[test]
fn a_slot_that_is_both_committed_and_skipped_is_a_contradiction() {
    let mut scene = Scene::new(1);
    for author in 0..7 {
        scene.vote(author, Some(0));
    }
    let blank: Vec<_> = (0..5).map(|a| scene.vote(a, None)).collect();
    for author in 0..5 {
        scene.read(author, &blank);
    }
    assert_eq!(scene.direct(), Err(Contradiction::CommitAndSkip));
}

#[test]
fn a_group_that_expects_no_fault_has_no_fast_path() {
    let lone = Resilience::largest(FaultModel::Arbitrary, 3).unwrap();
    assert!(Rule::new(lone, true).is_err());
    assert!(Rule::new(lone, false).is_ok());
}
