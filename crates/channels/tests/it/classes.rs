use maftia_channels::Class;
use maftia_protocol::plant;
use maftia_simulator::check;

use crate::arena::Case;

fn holds(name: &str, class: Class) {
    let case = Case::new(class);
    check(name, 0..40, |seed| case.run(seed)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn b1_b4_b5_b15_b17_b18_reliable_is_all_alike_or_none_whatever_one_of_four_does() {
    holds("reliable", Class::Reliable);
}

#[test]
fn b1_b15_b16_consistent_is_never_different() {
    holds("consistent", Class::Consistent);
}

#[test]
fn fifo_is_in_the_order_of_each_sender() {
    holds("fifo", Class::Fifo);
}

#[test]
fn causal_is_after_what_the_sender_had_been_given_whatever_past_one_of_four_makes_up() {
    holds("causal", Class::Causal);
}

#[test]
fn best_effort_delivers_each_message_once_under_its_sender_over_links_that_lose() {
    holds("best effort", Class::BestEffort);
}

#[test]
fn n10_a_member_for_which_runs_were_closed_is_told_what_it_missed() {
    for class in [Class::Reliable, Class::Causal] {
        let case = Case::far_behind(class);
        check("far behind", 0..4, |seed| case.run(seed)).unwrap_or_else(|e| panic!("{e}"));
    }
}

/// Whether a run breaks a promise with a mistake planted.
fn caught(bug: &'static str, case: &Case) -> bool {
    (0..100).any(|seed| plant(bug, || case.run(seed)).is_err())
}

#[test]
fn planted_mistakes_in_order_and_in_help_are_caught() {
    assert!(caught("causal past ignored", &Case::new(Class::Causal)));
    assert!(caught("out of turn", &Case::new(Class::Fifo)));
    let far_behind = Case::far_behind(Class::Reliable);
    assert!(caught("no help for members behind", &far_behind));
}

#[test]
fn with_two_of_four_intruded_a_promise_breaks() {
    let case = Case {
        corrupted: 2,
        ..Case::new(Class::Consistent)
    };
    assert!((0..200).any(|seed| case.run(seed).is_err()));
}
