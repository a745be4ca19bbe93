//! Each row of network faults, and each strategy of an intruder, by itself: fewer seeds than the
//! storms, and a name that says what broke.

use maftia_adversary::Attack;
use maftia_simulator::{Carriage, Cut, Incident, LinkModel, Order, Setup, check};
use maftia_types::{Duration, SiteId, Time};

use crate::case::{Case, Network, Weather};

const N: usize = 4;
const SEEDS: u64 = 6;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Four sites, one of them an intruder of any kind, on this network.
fn on(name: &str, network: Network) {
    let case = Case {
        network: Some(network),
        ..Case::new(N, 1, Weather::Storm)
    };
    let seen = check(name, 0..SEEDS, |seed| case.run(seed).0);
    seen.unwrap_or_else(|error| panic!("{error}"));
}

/// Four sites in any storm, one of them an intruder of this kind.
fn against(attack: Attack) {
    let case = Case {
        attack: Some(attack),
        ..Case::new(N, 1, Weather::Storm)
    };
    let seen = check(attack.name(), 0..SEEDS, |seed| case.run(seed).0);
    seen.unwrap_or_else(|error| panic!("{error}"));
}

fn wide_area(carriage: Carriage) -> LinkModel {
    LinkModel {
        delay_min: ms(1),
        delay_max: ms(100),
        jitter_max: ms(50),
        order: Order::Any,
        carriage,
        ..LinkModel::PERFECT
    }
}

#[test]
fn n01_a_third_of_all_datagrams_is_lost() {
    on("n01", |setup, _| {
        setup.links = LinkModel {
            loss_per_mille: 300,
            ..wide_area(Carriage::Datagram)
        };
    });
}

#[test]
fn n02_nine_in_ten_transmissions_are_lost() {
    on("n02", |setup, _| {
        setup.links = LinkModel {
            loss_per_mille: 900,
            ..wide_area(Carriage::Reliable(ms(30)))
        };
    });
}

#[test]
fn n03_delays_have_a_heavy_tail() {
    on("n03", |setup, _| {
        setup.links = LinkModel {
            tail_per_mille: 200,
            ..wide_area(Carriage::Reliable(ms(30)))
        };
    });
}

#[test]
fn n04_messages_arrive_in_any_order() {
    on("n04", |setup, _| {
        setup.links = LinkModel {
            jitter_max: ms(1_000),
            ..wide_area(Carriage::Reliable(ms(30)))
        };
    });
}

#[test]
fn n05_half_of_all_messages_come_twice() {
    on("n05", |setup, _| {
        setup.links = LinkModel {
            duplication_per_mille: 500,
            ..wide_area(Carriage::Datagram)
        };
    });
}

fn cut(setup: &mut Setup, at_ms: u64, cut: Cut, lasts: Duration) {
    let begins = Time::ZERO + ms(at_ms);
    let incident = Incident::Partition { cut, lasts };
    setup.plan.0.push((begins, incident));
    setup.links = wide_area(Carriage::Datagram);
}

#[test]
fn n06_n08_partitions_of_every_shape_delay_but_do_not_divide() {
    on("n06", |setup, dice| {
        for at in [50, 800, 2_000] {
            let site = dice.site(N);
            let half = SiteId::all(N).take(2).collect();
            let shapes = [
                Cut::isolate(site, N),
                Cut::split(half, N),
                Cut::bridge(site, N),
            ];
            let shape = dice.pick(&shapes).unwrap().clone();
            cut(setup, at, shape, ms(1_000));
        }
    });
}

#[test]
fn n07_links_that_are_dead_one_way() {
    on("n07", |setup, dice| {
        for at in [50, 60, 70, 80] {
            let (from, to) = (dice.site(N), dice.site(N));
            cut(setup, at, Cut::one_way(from, to), ms(3_000));
        }
    });
}

#[test]
fn n09_links_stop_one_by_one_and_come_back_in_another_order() {
    on("n09", |setup, dice| {
        for (at, site) in (1..).zip(SiteId::all(N)) {
            let lasts = dice.span(ms(200), ms(3_000));
            cut(setup, 100 * at, Cut::isolate(site, N), lasts);
        }
    });
}

#[test]
fn n10_a_correct_site_that_was_away_catches_up() {
    on("n10", |setup, dice| {
        let site = dice.site(N);
        cut(setup, 50, Cut::isolate(site, N), ms(8_000));
    });
}

#[test]
fn t01_b01_b02_a_site_that_signs_two_histories_divides_nobody() {
    against(Attack::Equivocate);
}

#[test]
fn t06_b04_a_site_that_keeps_its_payloads_stops_nobody() {
    against(Attack::Withhold);
}

#[test]
fn b05_a_site_that_says_nothing_stops_nobody() {
    against(Attack::Silence);
}

#[test]
fn b12_b13_a_site_that_lies_about_rounds_and_checkpoints_misleads_nobody() {
    against(Attack::LieAboutState);
}

#[test]
fn b15_a_site_that_says_old_things_again_misleads_nobody() {
    against(Attack::Replay);
}

#[test]
fn b16_a_site_that_speaks_for_others_is_not_heard_as_them() {
    against(Attack::Impersonate);
}

#[test]
fn t17_a_site_that_forges_replies_misleads_no_client() {
    against(Attack::ForgeReplies);
}
