//! The rows of network faults: each service under each, with f rude intruders.

use maftia_agreement::reliable::Rule;
use maftia_simulator::{Carriage, Cut, Dice, Incident, LinkModel, Order, Setup, check};
use maftia_types::{Duration, SiteId, Time};

use crate::arena::{Case, Network, Scenario};
use crate::vector::{Choices, strong};
use crate::{binary, reliable};

const N: usize = 4;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn under<S: Scenario>(name: &str, network: Network, case: impl Fn(u64) -> Case<S>) {
    let run = |seed| {
        let network = Some(network);
        Case {
            network,
            ..case(seed)
        }
        .run(seed)
    };
    check(name, 0..25, run).unwrap_or_else(|e| panic!("{e}"));
}

/// Reliable broadcast, binary and validated agreement.
fn each(network: Network) {
    under("reliable", network, |_| {
        reliable::case(N, Rule::Optimistic, 20)
    });
    under("binary", network, |seed| binary::common(N, seed));
    under("choice", network, |seed| {
        Case::new(Choices(strong(seed)), N)
    });
}

fn links(set_up: fn(&mut Setup, &mut Dice)) {
    each(Network {
        set_up,
        arrives: None,
    });
}

fn wide_area() -> LinkModel {
    LinkModel {
        delay_min: ms(1),
        delay_max: ms(100),
        jitter_max: ms(50),
        order: Order::Any,
        carriage: Carriage::Reliable(ms(30)),
        ..LinkModel::PERFECT
    }
}

#[test]
fn n01_a_third_of_all_transmissions_is_lost() {
    links(|setup, _| {
        setup.links = LinkModel {
            loss_per_mille: 300,
            ..wide_area()
        };
    });
}

#[test]
fn n02_nine_in_ten_are_lost() {
    links(|setup, _| {
        setup.links = LinkModel {
            loss_per_mille: 900,
            ..wide_area()
        };
    });
}

#[test]
fn n03_delays_have_a_heavy_tail() {
    links(|setup, _| {
        setup.links = LinkModel {
            tail_per_mille: 200,
            ..wide_area()
        };
    });
}

#[test]
fn n04_the_newest_messages_arrive_first() {
    let arrives = |now: Time, _| {
        // What is sent at t arrives at 2·(1 s) − t, within each second of its own.
        let into = Duration::from_nanos(now.as_nanos() % 1_000_000_000);
        let left = Duration::from_secs(1).as_nanos() - into.as_nanos();
        Duration::from_nanos(2 * left)
    };
    each(Network {
        set_up: |_, _| {},
        arrives: Some(arrives),
    });
}

#[test]
fn n05_half_of_all_messages_come_twice() {
    links(|setup, _| {
        setup.links = LinkModel {
            duplication_per_mille: 500,
            ..wide_area()
        };
    });
}

fn cut(setup: &mut Setup, at_ms: u64, cut: Cut, lasts: Duration) {
    let begins = Time::ZERO + ms(at_ms);
    setup
        .plan
        .0
        .push((begins, Incident::Partition { cut, lasts }));
    setup.links = wide_area();
}

#[test]
fn n06_n08_partitions_of_every_shape_delay_but_do_not_divide() {
    links(|setup, dice| {
        for at in [0, 50, 400] {
            let site = dice.site(N);
            let half = SiteId::all(N).take(2).collect();
            let shapes = [
                Cut::isolate(site, N),
                Cut::split(half, N),
                Cut::bridge(site, N),
            ];
            let shape = dice.pick(&shapes).unwrap().clone();
            cut(setup, at, shape, ms(700));
        }
    });
}

#[test]
fn n07_links_that_are_dead_one_way() {
    links(|setup, dice| {
        for at in [0, 10, 20, 30] {
            let (from, to) = (dice.site(N), dice.site(N));
            cut(setup, at, Cut::one_way(from, to), ms(1_500));
        }
    });
}

#[test]
fn n09_links_stop_one_by_one_and_come_back_in_another_order() {
    links(|setup, dice| {
        for (at, site) in (0..).zip(SiteId::all(N)) {
            let lasts = dice.span(ms(200), ms(1_500));
            cut(setup, 40 * at, Cut::isolate(site, N), lasts);
        }
    });
}

#[test]
fn n10_a_correct_site_that_was_away_catches_up() {
    links(|setup, dice| {
        let site = dice.site(N);
        cut(setup, 0, Cut::isolate(site, N), ms(2_900));
    });
}

#[test]
fn n17_a_scheduler_that_always_delays_who_matters_has_no_effect() {
    // In turns of 100 ms, whoever's turn it is.
    let arrives = |now: Time, from: SiteId| {
        let turn = now.as_millis() / 100 % N as u64;
        if turn == from.index() as u64 {
            ms(900)
        } else {
            ms(5)
        }
    };
    each(Network {
        set_up: |_, _| {},
        arrives: Some(arrives),
    });
}
