//! The negative control: known mistakes in the way from one view to the next, each caught by a
//! promise that it breaks.

use maftia_adversary::Attack;

use super::case::Case;
use super::script::Kind;
use crate::planted::{must_be_caught, planted};

/// A bug, the world in which it is looked for, and how many seeds that may take.
struct Planted {
    name: &'static str,
    kind: Option<Kind>,
    attack: Option<Attack>,
    /// Properties one of which reports it.
    by: &'static [&'static str],
    seeds: u64,
}

impl Planted {
    const fn new(name: &'static str, by: &'static [&'static str], seeds: u64) -> Self {
        Self {
            name,
            kind: None,
            attack: None,
            by,
            seeds,
        }
    }

    const fn of(self, kind: Kind) -> Self {
        Self {
            kind: Some(kind),
            ..self
        }
    }

    const fn attacked_by(self, attack: Attack) -> Self {
        Self {
            attack: Some(attack),
            ..self
        }
    }

    fn is_caught(&self) {
        let case = Case {
            kind: self.kind,
            attack: self.attack,
            ..Case::ANY
        };
        must_be_caught(self.name, self.by, 0..self.seeds, |seed| case.run(seed).0);
    }
}

planted! {
    a_handover_by_less_than_a_quorum_is_caught:
        Planted::new("handover by less than a quorum", &["certificates"], 20);
    a_joiner_that_counts_before_it_is_ready_is_caught:
        Planted::new("joiner counts before it is ready", &["views"], 20).of(Kind::Abort);
    vouches_of_the_former_view_that_count_are_caught:
        Planted::new("vouches of the former view count", &["integrity", "linearizability"], 400)
            .of(Kind::GrowShrink).attacked_by(Attack::Rude);
    shares_that_are_not_translated_are_caught:
        Planted::new("shares are not translated", &["shares"], 20).of(Kind::ReplaceCorrect);
    an_epoch_that_begins_without_a_checkpoint_is_caught:
        Planted::new("no checkpoint where an epoch begins", &["liveness"], 400);
    former_blocks_that_nobody_serves_are_caught:
        Planted::new("former blocks not served", &["liveness"], 100);
    a_lost_log_that_a_new_epoch_forgets_is_caught:
        Planted::new("lost log forgotten in a new epoch", &["no self-contradiction",
            "no lost tail"], 400).of(Kind::NoIntruder);
    a_certificate_that_nobody_checks_is_caught:
        Planted::new("certificate not checked", &["views", "certificates", "blame soundness"], 200)
            .of(Kind::ReplaceCorrect);
}
