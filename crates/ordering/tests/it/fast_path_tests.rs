//! Any two views of one DAG agree on every settled slot, with the engine's committer and the fast
//! path on; and bugs planted in it show.

use maftia_protocol::plant;

use crate::lean::{Committee, Rules, Seen, run};

/// DAGs per row in the quick run. Each control shows within as many.
const DAGS: u64 = 10_000;
/// DAGs per row in the slow run.
const DAGS_SLOW: u64 = 1_000_000;
/// Seeds between two lines of a long run.
const STRIDE: u64 = 250_000;

const ROWS: [(usize, usize); 3] = [(4, 1), (7, 2), (10, 3)];

/// The controls: p + 1 instead of p, and no V6.
fn controls(committee: &Committee, dags: u64) -> [Seen; 2] {
    [
        plant("fast path slack one more", || {
            run(committee, Rules::Known, 0..dags, true)
        }),
        run(&committee.without_exclusion(), Rules::Known, 0..dags, true),
    ]
}

fn row_agrees_and_controls_do_not(sites: usize, intruded: usize, dags: u64) {
    let committee = Committee::new(sites, intruded);
    let seen = run(&committee, Rules::Known, 0..dags, false);
    println!("{}", line(sites, &seen));
    assert_eq!(seen.disagreements, 0, "n={sites}: {seen:?}");
    assert!(seen.mean(seen.rounds) > 12.9, "the DAG grows to the end");
    assert!(seen.mean(seen.decided) > 7.0, "most slots are decided");
    assert!(seen.mean(seen.skipped) > 0.5, "skips are exercised");
    assert!(seen.mean(seen.committed_fast) > 2.0, "so is the fast path");
    for (name, control) in ["p + 1", "no V6"].iter().zip(controls(&committee, dags)) {
        println!(
            "n={sites}, {name}: disagreement after {} DAGs",
            control.dags
        );
        assert!(control.disagreements > 0, "{name}: the row proves nothing");
    }
}

fn line(sites: usize, seen: &Seen) -> String {
    format!(
        "n={sites}: {} DAGs, {} disagreements, first {:?}; mean rounds {:.2}, decided {:.2}, \
         skipped {:.2}, fast {:.2}",
        seen.dags,
        seen.disagreements,
        seen.first_disagreement,
        seen.mean(seen.rounds),
        seen.mean(seen.decided),
        seen.mean(seen.skipped),
        seen.mean(seen.committed_fast),
    )
}

#[test]
fn any_two_views_agree_on_every_settled_slot() {
    for (sites, intruded) in ROWS {
        row_agrees_and_controls_do_not(sites, intruded, DAGS);
    }
}

#[test]
fn any_two_views_agree_on_every_settled_slot_slow() {
    if std::env::var_os("MAFTIA_SLOW").is_none() {
        println!("skipped: set MAFTIA_SLOW=1");
        return;
    }
    for (sites, intruded) in ROWS {
        row_agrees_and_controls_do_not(sites, intruded, DAGS_SLOW);
    }
}

/// A range of seeds of one row: `MAFTIA_DAGS=7:0..10000000`.
#[test]
fn runs_the_seeds_that_are_asked_for() {
    let Ok(asked) = std::env::var("MAFTIA_DAGS") else {
        return;
    };
    let (sites, seeds) = asked.split_once(':').expect("as 7:0..10000000");
    let (from, to) = seeds.split_once("..").expect("as 7:0..10000000");
    let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap());
    let sites: usize = sites.parse().unwrap();
    let committee = Committee::new(sites, (sites - 1) / 3);
    for (name, control) in ["p + 1", "no V6"].iter().zip(controls(&committee, DAGS)) {
        println!(
            "n={sites}, {name}: disagreement after {} DAGs",
            control.dags
        );
        assert!(control.disagreements > 0, "{name}: the row proves nothing");
    }
    let (mut at, mut total) = (from, Seen::default());
    while at < to {
        let next = to.min(at + STRIDE);
        total.add(&run(&committee, Rules::Known, at..next, false));
        at = next;
        println!("seeds {from}..{at}, {}", line(sites, &total));
    }
    assert_eq!(total.disagreements, 0, "{total:?}");
}
