//! What a site of a binary agreement says to which messages, exactly.

use maftia_agreement::binary::{Crusader, CrusaderMessage, GradedMessage, Message};
use maftia_protocol::{Event, Protocol};
use maftia_types::Time;

use crate::arena::largest;
use crate::binary::alone;
use crate::coins::SimulatedShare;
use crate::keys::site;

/// Tells site A of four, which proposes 0, what sites say in round 1; what it says, and whom it
/// blames.
fn told(said: &[(usize, GradedMessage)]) -> (Vec<Message<SimulatedShare>>, usize) {
    let mut agreement = alone(0);
    let mut step = agreement.command(Time::ZERO, false).unwrap();
    for (from, message) in said {
        let (from, message) = (site(*from), Message::Round(1, *message));
        step.extend(agreement.handle(Time::ZERO, Event::Message { from, message }));
    }
    let messages = step.messages.into_iter().map(|out| out.message);
    (messages.collect(), step.faults.len())
}

fn all_say(sites: std::ops::Range<usize>, said: CrusaderMessage) -> Vec<(usize, GradedMessage)> {
    sites
        .map(|from| (from, GradedMessage::Crusader(said)))
        .collect()
}

#[test]
fn a04_no_share_of_the_coin_leaves_before_the_crusader_agreement_is_through() {
    use CrusaderMessage::{Echo1, Echo2, Echo3};
    let shares = |said: &[_]| {
        let shares = told(said).0.into_iter();
        let is_share = |message: &Message<_>| matches!(message, Message::Share(..));
        shares.filter(is_share).count()
    };
    let all = all_say(0..3, Echo1(false));
    let all = [all, all_say(0..3, Echo2(false))].concat();
    let all = [all, all_say(0..3, Echo3(Some(false)))].concat();
    for known in 0..all.len() {
        assert_eq!(shares(&all[..known]), 0, "{known} messages");
    }
    assert_eq!(shares(&all), 1);
}

#[test]
fn b03_who_says_a_value_and_none_counts_once_and_is_blamed() {
    use CrusaderMessage::{Echo1, Echo2, Echo3};
    let approved = [all_say(0..3, Echo1(false)), all_say(0..3, Echo2(false))].concat();
    let third = |from: usize, value| (from, GradedMessage::Crusader(Echo3(value)));
    let twice = [third(1, Some(false)), third(1, None), third(2, Some(false))];
    let (messages, blamed) = told(&[&approved[..], &twice].concat());
    assert_eq!((messages.len(), blamed), (3, 1), "Echo1, Echo2 and Echo3");
    let (messages, _) = told(&[&approved[..], &twice, &[third(0, Some(false))]].concat());
    assert_eq!(
        messages.last(),
        Some(&Message::Share(1, SimulatedShare(true)))
    );
}

/// Tells site A of a crusader agreement of seven, input 0, what these sites say; what it says and
/// gives.
fn crusade(
    told: &[(std::ops::Range<usize>, CrusaderMessage)],
) -> (Vec<CrusaderMessage>, Vec<Option<bool>>) {
    let mut crusader = Crusader::new(largest(7));
    let mut step = crusader.command(Time::ZERO, false).unwrap();
    for (sites, message) in told {
        for from in sites.clone().map(site) {
            let message = *message;
            step.extend(crusader.handle(Time::ZERO, Event::Message { from, message }));
        }
    }
    let said = step.messages.into_iter().map(|out| out.message).collect();
    (
        said,
        step.outputs.into_iter().map(|out| out.value).collect(),
    )
}

#[test]
fn every_threshold_of_crusader_agreement_is_met_exactly() {
    use CrusaderMessage::{Echo1, Echo2, Echo3};
    let said = |told: &[_]| crusade(told).0;
    let own = Echo1(false);
    // f + 1 = 3 amplify; q = 5 approve.
    assert_eq!(said(&[(1..3, Echo1(true))]), [own]);
    assert_eq!(said(&[(1..4, Echo1(true))]), [own, Echo1(true)]);
    assert_eq!(said(&[(0..4, Echo1(false))]), [own]);
    let approved = (0..5, Echo1(false));
    assert_eq!(said(std::slice::from_ref(&approved)), [own, Echo2(false)]);
    // q of Echo2, of a value that is approved (correction 23).
    let second = [own, Echo2(false)];
    assert_eq!(said(&[approved.clone(), (0..4, Echo2(false))]), second);
    let third = [own, Echo2(false), Echo3(Some(false))];
    assert_eq!(said(&[approved.clone(), (0..5, Echo2(false))]), third);
    assert_eq!(said(&[(0..5, Echo2(false)), approved.clone()]), third);
    assert_eq!(said(&[(0..5, Echo2(true))]), [own]);
    // Both approved: none.
    let both = [approved.clone(), (1..6, Echo1(true))];
    assert_eq!(said(&both), [own, Echo2(false), Echo1(true), Echo3(None)]);
    // q of Echo3.
    let given = |told: &[_]| crusade(told).1;
    assert_eq!(given(&[approved.clone(), (0..4, Echo3(Some(false)))]), []);
    assert_eq!(
        given(&[approved, (0..5, Echo3(Some(false)))]),
        [Some(false)]
    );
    let [one, other] = both;
    let [none, some] = [(0..3, Echo3(None)), (3..5, Echo3(Some(true)))];
    let single = [one.clone(), none.clone(), some.clone()];
    assert_eq!(given(&single), [], "one value approved");
    assert_eq!(given(&[one.clone(), other.clone(), none.clone()]), []);
    assert_eq!(given(&[one, other, none, some]), [None]);
}
