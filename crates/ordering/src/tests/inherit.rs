//! Epochs that end while a scheduler aims at known leaders (correction 12).

use maftia_types::{Digest, Epoch, Round, SiteId, SiteSet};

use super::asynchrony::{INTERVAL, When, agree, aim_at_leaders, net, run_to, settled, with};
use super::harness::*;
use crate::control::ControlState;
use crate::schedule::Leaders;
use crate::*;

/// All begin the next epoch after the last commit that all have, taking over what it says.
fn turn(net: &mut Net, inherits: bool) {
    let last = (0..4).map(|at| net.engines[at].frontier().index).min();
    let keys: Vec<_> = (0..4).map(|of| key(of).public()).collect();
    for (at, engine) in net.engines.iter_mut().enumerate() {
        let commit = net.commits[at].iter().find(|own| Some(own.index) == last);
        let commit = commit.expect("all have delivered it").clone();
        net.commits[at].retain(|own| Some(own.index) <= last);
        let inherited = commit.control.filter(|_| inherits);
        let frontier = Frontier {
            index: commit.index,
            digest: commit.digest,
            time_ms: commit.time_ms,
            control: inherited.map(|own| Box::new(ControlState::inherit(&own))),
            ..Frontier::start()
        };
        let parameters = Parameters {
            config: Digest([10; 32]),
            epoch: Epoch(1),
            ..with(When::Auto, 4, at)
        };
        let boot = Boot {
            frontier,
            ..fresh_boot()
        };
        let seat = (site(at as u8), keys.clone());
        let (step, _) = engine.turn(parameters, seat, boot, bytes::Bytes::clone, net.now);
        assert!(step.is_empty());
    }
    net.lose();
}

/// An Auto group whose first epoch ends in the middle of a long attack, which goes on.
fn attacked(inherits: bool) -> Net {
    let mut net = net(When::Auto, 4);
    net.hold = Some(aim_at_leaders());
    run_to(&mut net, 150);
    assert_eq!(net.engines[0].mode(Round(150)), Some(Mode::A));
    turn(&mut net, inherits);
    net
}

#[test]
fn correction_12_an_epoch_that_begins_under_attack_begins_with_the_coin() {
    let mut net = attacked(true);
    assert_eq!(net.engines[0].mode(Round(1)), Some(Mode::A));
    let lag = run_to(&mut net, 4 * INTERVAL);
    assert!(lag <= 10, "the frontier trails by {lag}");
    agree(&net);
    let control = net.engines[0].control.as_ref().unwrap();
    assert_eq!(control.state().failovers(), 1, "the same attack");
    // And it ends as the other one would have.
    net.hold = None;
    run_to(&mut net, 12 * INTERVAL);
    assert_eq!(net.engines[0].mode(Round(12 * INTERVAL)), Some(Mode::S));
    agree(&net);
}

#[test]
fn correction_12_without_that_it_stalls_anew() {
    let mut net = attacked(false);
    run_to(&mut net, 2 * INTERVAL);
    assert!(settled(&net) < INTERVAL, "settled {}", settled(&net));
}

#[test]
fn who_leads_is_taken_over_by_seat_and_at_most_f_are_demoted() {
    let set = |sites: &[u8]| -> SiteSet { sites.iter().map(|own| site(*own)).collect() };
    let mut state = ControlState::start();
    state.next = 5;
    state.modes.insert(5, Mode::S);
    let leaders = Leaders {
        seed: Digest([4; 32]),
        demoted: set(&[1, 2, 6]),
    };
    state.leaders.insert(3, leaders);
    let own = state.bequeath(5).unwrap();
    let heir = |own| ControlState::inherit(&own).leaders().get(&0).copied();
    assert_eq!(heir(own), Some(leaders));
    // Site 2 leaves, those behind it move down.
    let seat = |old: SiteId| match old.as_u8() {
        2 => None,
        own => Some(site(own - u8::from(own > 2))),
    };
    let demoted = |max| heir(own.renumbered(seat, max)).map(|own| own.demoted);
    assert_eq!(demoted(2), Some(set(&[1, 5])));
    assert_eq!(demoted(1), Some(set(&[1])));
    assert_eq!(state.bequeath(6), None, "not known yet");
}
