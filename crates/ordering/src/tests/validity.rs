//! Each validity clause at its boundary, one below and one above.

use super::blocks::*;
use super::harness::*;
use crate::fault::Invalid;
use crate::*;
use maftia_types::{Digest, Epoch, Round, SiteId};

fn alone(header: &Header) -> Result<(), Invalid> {
    check_alone(&parameters(4), header)
}

#[test]
fn v1_takes_only_members_of_this_group_and_epoch_from_round_1_on() {
    let dag = full_dag(1);
    let good = header(0, 1, own_first(0, &at_round(&dag, 0)));
    assert_eq!(alone(&good), Ok(()));
    let bad = [
        Header {
            config: Digest([1; 32]),
            ..good.clone()
        },
        Header {
            epoch: Epoch(1),
            ..good.clone()
        },
        Header {
            author: site(4),
            ..good.clone()
        },
        Header {
            round: Round(0),
            parents: Vec::new(),
            ..good.clone()
        },
    ];
    for bad in bad {
        assert_eq!(alone(&bad), Err(Invalid::V1Foreign), "{bad:?}");
    }
}

#[test]
fn v2_takes_parents_below_only_and_one_per_author() {
    let dag = full_dag(3);
    let below = own_first(0, &at_round(&dag, 2));
    assert_eq!(alone(&header(0, 3, below.clone())), Ok(()));
    let mut beside = below.clone();
    beside[3].round = Round(3);
    assert_eq!(alone(&header(0, 3, beside)), Err(Invalid::V2Parents));
    let mut above = below.clone();
    above[3].round = Round(4);
    assert_eq!(alone(&header(0, 3, above)), Err(Invalid::V2Parents));
    let mut twice = below.clone();
    twice[3].author = twice[2].author;
    assert_eq!(alone(&header(0, 3, twice)), Err(Invalid::V2Parents));
    let mut outsider = below;
    outsider[3].author = site(4);
    assert_eq!(alone(&header(0, 3, outsider)), Err(Invalid::V2Parents));
}

#[test]
fn v3_takes_a_quorum_of_strong_parents_and_not_one_less() {
    let dag = full_dag(3);
    let all = own_first(0, &at_round(&dag, 2));
    assert_eq!(alone(&header(0, 3, all.clone())), Ok(()));
    assert_eq!(alone(&header(0, 3, all[..3].to_vec())), Ok(()));
    assert_eq!(
        alone(&header(0, 3, all[..2].to_vec())),
        Err(Invalid::V3Quorum)
    );
    let mut weak = all[..2].to_vec();
    weak.extend(
        at_round(&dag, 1)
            .into_iter()
            .filter(|p| p.author.index() >= 2),
    );
    assert_eq!(alone(&header(0, 3, weak)), Err(Invalid::V3Quorum));
    let caught = maftia_protocol::plant("V3 quorum less one", || {
        alone(&header(0, 3, all[..2].to_vec()))
    });
    assert_eq!(caught, Ok(()), "the planted bug lets it through");
}

#[test]
fn v4_takes_the_own_parent_first_or_not_at_all() {
    let dag = full_dag(3);
    let own_first = own_first(0, &at_round(&dag, 2));
    let mut own_second = own_first.clone();
    own_second.swap(0, 1);
    assert_eq!(alone(&header(0, 3, own_second)), Err(Invalid::V4SelfParent));
    assert_eq!(
        alone(&header(0, 3, own_first[1..].to_vec())),
        Ok(()),
        "a re-entry"
    );
}

#[test]
fn v5_takes_no_time_before_the_own_parents() {
    let dag = full_dag(3);
    let parents = own_first(0, &at_round(&dag, 3));
    for (time_ms, expected) in [(2, Err(Invalid::V5Time)), (3, Ok(())), (4, Ok(()))] {
        let block = Block::sign(
            Header {
                time_ms,
                ..header(0, 4, parents.clone())
            },
            &key(0),
        );
        assert_eq!(check_parents(&dag, None, &block), expected, "{time_ms}");
        let below = Some(block.round());
        assert_eq!(
            check_parents(&dag, below, &block),
            Ok(()),
            "known, at the horizon, unread"
        );
    }
}

/// Author 3 has twins at round 1; of the round-2 blocks of 0 and 1 one references each.
fn twins() -> Dag {
    let mut dag = full_dag(1);
    let twin = Header {
        time_ms: 99,
        ..header(3, 1, own_first(3, &at_round(&dag, 0)))
    };
    let twin = Block::sign(twin, &key(3));
    dag.insert(twin.clone(), None, false);
    let firsts: Vec<BlockRef> = SiteId::all(4)
        .map(|author| dag.slot(author, Round(1))[0].block.reference())
        .collect();
    for author in 0..4 {
        let mut parents = own_first(author, &firsts);
        if author == 1 {
            *parents.iter_mut().find(|p| p.author == site(3)).unwrap() = twin.reference();
        }
        dag.insert(
            Block::sign(header(author, 2, parents), &key(author)),
            None,
            false,
        );
    }
    dag
}

#[test]
fn v6_excludes_an_author_whose_twins_the_strong_parents_reference() {
    let dag = twins();
    let all = at_round(&dag, 2);
    let check = |parents: &[BlockRef]| {
        check_parents(
            &dag,
            None,
            &Block::sign(header(0, 3, own_first(0, parents)), &key(0)),
        )
    };
    assert_eq!(check(&all), Err(Invalid::V6Exclusion));
    assert_eq!(check(&all[..3]), Ok(()), "without the equivocator");
    let one_side = [all[0], all[2], all[3]];
    assert_eq!(check(&one_side), Ok(()), "only one twin is seen");
    let weak: Vec<_> = all[..3]
        .iter()
        .copied()
        .chain([dag.slot(site(3), Round(1))[0].block.reference()])
        .collect();
    assert_eq!(
        check(&weak),
        Err(Invalid::V6Exclusion),
        "a weak parent is a parent"
    );
    let planted = maftia_protocol::plant("no V6 exclusion", || check(&all));
    assert_eq!(planted, Ok(()), "the planted bug lets it through");
}

#[test]
fn v8_takes_parents_down_to_the_reference_depth() {
    let parameters = parameters(4);
    let depth = parameters.reference_depth();
    let round = 3 * depth;
    let dag = full_dag(round - 1);
    let strong = own_first(0, &at_round(&dag, round - 1))[..3].to_vec();
    let missing = SiteId::all(4)
        .find(|s| strong.iter().all(|p| p.author != *s))
        .unwrap();
    for (below, expected) in [
        (depth - 1, Ok(())),
        (depth, Ok(())),
        (depth + 1, Err(Invalid::V8Depth)),
    ] {
        let weak = dag.slot(missing, Round(round - below))[0].block.reference();
        let parents: Vec<_> = strong.iter().copied().chain([weak]).collect();
        assert_eq!(
            check_alone(&parameters, &header(0, round, parents.clone())),
            expected,
            "{below}"
        );
        let planted = maftia_protocol::plant("no V8 reference depth", || {
            check_alone(&parameters, &header(0, round, parents))
        });
        assert_eq!(planted, Ok(()));
    }
}

#[test]
fn chosen_parents_are_legal_and_exclude_the_exposed() {
    let dag = twins();
    let parents = choose_parents(&parameters(4), &dag, site(0), Round(3), |_| false).unwrap();
    assert!(parents.iter().all(|p| p.author != site(3)), "{parents:?}");
    let block = Block::sign(header(0, 3, parents), &key(0));
    assert_eq!(alone(block.header()), Ok(()));
    assert_eq!(check_parents(&dag, None, &block), Ok(()));
}

/// A group once stood still because a site's own choice of parents was never legal although another
/// site's had been.
#[test]
fn a_site_whose_own_choice_is_not_legal_follows_another() {
    let mut dag = twins();
    // Site 2 has no block at round 2: of the three left the equivocator's is excluded.
    let mut gap = genesis();
    for entry in dag.from(Round(1)) {
        if entry.block.author() != site(2) || entry.block.round() != Round(2) {
            gap.insert(entry.block.clone(), None, false);
        }
    }
    assert_eq!(
        choose_parents(&parameters(4), &gap, site(2), Round(3), |_| false),
        None
    );
    // Somebody saw one twin only and went on.
    let two = dag.slot(site(0), Round(2))[0]
        .block
        .header()
        .parents
        .clone();
    let other = Block::sign(
        Header {
            time_ms: 77,
            ..header(3, 2, own_first(3, &two))
        },
        &key(3),
    );
    dag.insert(other, None, false);
    let side: Vec<BlockRef> = [0, 2, 3]
        .map(|a| dag.slot(site(a), Round(2))[0].block.reference())
        .to_vec();
    let template = Block::sign(header(0, 3, own_first(0, &side)), &key(0));
    dag.insert(template.clone(), None, false);
    let parents = choose_parents(&parameters(4), &dag, site(1), Round(3), |_| false).unwrap();
    let block = Block::sign(header(1, 3, parents), &key(1));
    assert_eq!(check_parents(&dag, None, &block), Ok(()));
}
