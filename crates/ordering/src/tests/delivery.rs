//! What a commit delivers, and when: the cut, and the clock that is agreed on.

use maftia_types::Round;

use super::blocks::*;
use super::harness::*;
use crate::linearizer::Linearizer;
use crate::*;

const ALL: [usize; 4] = [0, 1, 2, 3];

fn add_header(dag: &mut Dag, header: Header) {
    let author = header.author.index();
    assert!(dag.insert(Block::sign(header, &key(author)), None, false));
}

/// D builds on everybody, and nobody on D before a leader of round 21 does: with a delivery depth
/// of 16 its blocks from 6 on are above the cut.
fn hidden(has_twins: bool) -> (Dag, BlockRef) {
    let mut dag = genesis();
    for round in 1..=20 {
        for author in 0..3 {
            add(&mut dag, author, round, &ALL[..3]);
        }
        add(&mut dag, 3, round, &ALL);
        if has_twins && (5..=6).contains(&round) {
            let parents = at_round(&dag, round - 1);
            let parents = parents.iter().filter(|parent| parent.author.index() != 3);
            let mut twin = header(3, round, parents.copied().collect());
            twin.time_ms += 1;
            add_header(&mut dag, twin);
        }
    }
    let leader = add(&mut dag, 0, 21, &ALL).reference();
    (dag, leader)
}

#[test]
fn t10_a_block_at_the_delivery_cut_is_delivered_by_nobody_and_one_above_it_by_all() {
    let parameters = parameters(4);
    assert_eq!(parameters.delivery_cut(Round(21)), Round(5));
    let mut digests = Vec::new();
    for has_twins in [false, true] {
        let (mut dag, leader) = hidden(has_twins);
        let mut linearizer = Linearizer::new(Frontier::start());
        let (commit, dropped) = linearizer.commit(&parameters, &mut dag, leader).unwrap();
        let of_d = commit.blocks.iter().map(|(block, _)| block);
        let of_d = of_d.filter(|block| block.author() == site(3));
        let rounds: Vec<_> = of_d.map(|block| block.round().0).collect();
        assert_eq!(rounds, (6..=20).collect::<Vec<_>>());
        let twins = usize::from(has_twins);
        assert_eq!(dropped.len(), 4 * 5 + twins);
        assert!(dropped.iter().all(|block| block.round <= Round(5)));
        // What fell to the cut never comes, what came never comes again.
        let next = add(&mut dag, 1, 22, &[0]).reference();
        let (later, dropped) = linearizer.commit(&parameters, &mut dag, next).unwrap();
        let later: Vec<_> = later
            .blocks
            .iter()
            .map(|(block, _)| block.round())
            .collect();
        assert_eq!(later, [Round(22)]);
        assert_eq!(dropped.len(), twins, "the twin of round 6 falls to the cut");
        digests.push(commit.digest);
    }
    assert_eq!(
        digests[0], digests[1],
        "twins outside a history change nothing"
    );
}

#[test]
fn t13_clocks_an_hour_off_leave_the_agreed_time_among_those_of_correct_sites() {
    const HOUR_MS: u64 = 3_600_000;
    let now = 10 * HOUR_MS;
    let correct = [now + 3, now + 7, now + 11];
    for wrong in [0, now - HOUR_MS, now + HOUR_MS, u64::MAX] {
        for heard in [&ALL[..], &[0, 1, 3], &[1, 2, 3]] {
            let mut dag = genesis();
            let below = at_round(&dag, 0);
            for (author, time_ms) in correct.into_iter().chain([wrong]).enumerate() {
                let header = header(author, 1, own_first(author, &below));
                add_header(&mut dag, Header { time_ms, ..header });
            }
            let leader = add(&mut dag, heard[0], 2, heard).reference();
            let mut linearizer = Linearizer::new(Frontier::start());
            let (commit, _) = linearizer.commit(&parameters(4), &mut dag, leader).unwrap();
            let range = correct[0]..=correct[2];
            assert!(
                range.contains(&commit.time_ms),
                "{wrong}: {}",
                commit.time_ms
            );
        }
    }
}
