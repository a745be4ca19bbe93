use maftia_protocol::Step;
use maftia_simulator::{
    Adversary, BlameSoundness, Carriage, ClockModel, Cut, DiskModel, Fate, Honesty, Inbox,
    Incident, LinkModel, Manners, Nobody, Observation, Property, Rude, Setup, Turn, Violation,
};
use maftia_types::{Duration, SiteId, SiteSet, Time};

use crate::probe::{A, B, C, Command, FORGED, Output, Probe, SNAPSHOT};
use crate::probe::{boots, ms, setup, span, times, world};

const NONE: [(u64, Incident); 0] = [];

fn reliable(setup: Setup) -> Setup {
    Setup {
        links: LinkModel::PERFECT,
        ..setup
    }
}

#[test]
fn promises_wait_for_the_disk_and_the_rest_does_not() {
    let commands = [(10, A, Command::Write(1)), (11, A, Command::Shout(2))];
    let mut world = world(setup(NONE), commands, Nobody);
    world.run().unwrap();
    assert_eq!(times(&world, A, &Output::Wrote(1)), [15]);
    assert_eq!(
        times(&world, A, &Output::Heard(A, 1)),
        [15],
        "to itself at once"
    );
    assert_eq!(times(&world, B, &Output::Heard(A, 1)), [16]);
    assert_eq!(times(&world, B, &Output::Heard(A, 2)), [12]);
}

#[test]
fn what_a_sync_does_not_cover_waits_for_the_next() {
    let commands = [(10, A, Command::Write(1)), (11, A, Command::Write(2))];
    let mut world = world(setup(NONE), commands, Nobody);
    world.run().unwrap();
    assert_eq!(times(&world, A, &Output::Wrote(1)), [15]);
    assert_eq!(times(&world, A, &Output::Wrote(2)), [20]);
}

#[test]
fn a_sync_cut_short_by_a_crash_acknowledges_nothing_afterwards() {
    let crash = Incident::Crash {
        site: A,
        down_for: Duration::from_micros(500),
    };
    let commands = [(10, A, Command::Write(1)), (14, A, Command::Write(2))];
    let mut world = world(setup([(13, crash)]), commands, Nobody);
    world.run().unwrap();
    assert_eq!(
        times(&world, A, &Output::Wrote(2)),
        [19],
        "not at 15, when the first would end"
    );
}

#[test]
fn a_crash_takes_some_of_what_was_sent_just_before_and_nothing_older() {
    let lost = |crash_at| {
        let crash = Incident::Crash {
            site: A,
            down_for: span(20),
        };
        let slow = LinkModel {
            delay_min: span(5),
            delay_max: span(5),
            carriage: Carriage::Datagram,
            ..LinkModel::PERFECT
        };
        let base = setup([(crash_at, crash)]);
        let commands = (0..50).map(|number| (10, A, Command::Shout(number)));
        let mut world = world(
            Setup {
                links: slow,
                ..base
            },
            commands,
            Nobody,
        );
        world.run().unwrap().counters.lost
    };
    assert!((20..80).contains(&lost(11)), "{} of 100", lost(11));
    assert_eq!(lost(12), 0);
}

/// Ten records of which a crash comes between, at 13 ms of a sync that ends at 15.
fn crash_while_writing(honesty: Honesty) -> (Vec<u64>, usize) {
    let crash = Incident::Crash {
        site: A,
        down_for: span(20),
    };
    let base = setup([(13, crash)]);
    let disks = DiskModel {
        honesty,
        ..base.disks
    };
    let commands = (0..10).map(|number| (10, A, Command::Write(number)));
    let mut world = world(Setup { disks, ..base }, commands, Nobody);
    world.run().expect("nothing is promised");
    let wrote = (0..10).filter(|number| !times(&world, A, &Output::Wrote(*number)).is_empty());
    let wrote = wrote.count();
    let mut boots = boots(&world, A);
    assert_eq!(boots.len(), 2);
    (boots.remove(1).0, wrote)
}

#[test]
fn a_crash_loses_what_is_not_synced_and_all_that_waits_for_it() {
    let (records, wrote) = crash_while_writing(Honesty::Honest);
    assert!(records.len() < 10, "{records:?}");
    assert!((0..10).collect::<Vec<_>>().starts_with(&records));
    assert_eq!(wrote, 0);
}

#[test]
fn a_lying_sync_lets_promises_out_that_a_crash_forgets() {
    let (records, wrote) = crash_while_writing(Honesty::Lying(span(50)));
    assert!(records.len() < 10, "{records:?}");
    assert_eq!(wrote, 10);
}

#[test]
fn a_crash_while_writing_strikes_during_the_next_sync() {
    let incident = Incident::CrashWriting {
        site: A,
        down_for: span(20),
    };
    let commands = [(100, A, Command::Write(1)), (200, A, Command::Write(2))];
    let mut world = world(setup([(10, incident)]), commands, Nobody);
    let report = world.run().unwrap();
    assert_eq!(
        (report.counters.crashes, report.counters.crashes_writing),
        (1, 1)
    );
    assert_eq!(times(&world, A, &Output::Wrote(1)), []);
    assert_eq!(times(&world, A, &Output::Wrote(2)), [205]);
}

#[test]
fn a_wiped_site_starts_with_nothing_and_is_told_so() {
    let wipe = Incident::Wipe {
        site: A,
        down_for: span(20),
    };
    let commands = [(10, A, Command::Write(1))];
    let mut world = world(setup([(100, wipe)]), commands, Nobody);
    world.run().unwrap();
    assert_eq!(boots(&world, A), [(vec![], false), (vec![], true)]);
    assert!(world.disk(A).is_empty());
}

#[test]
fn a_power_loss_stops_all_sites_and_each_returns_in_its_time() {
    let down_for = vec![span(30), span(10), span(20)];
    let commands = [(10, A, Command::Write(1))];
    let world_setup = setup([(100, Incident::PowerLoss { down_for })]);
    let mut world = world(world_setup, commands, Nobody);
    assert_eq!(world.run().unwrap().counters.crashes, 3);
    let at = |records: &[u64], site| {
        let booted = Output::Booted {
            records: records.to_vec(),
            wiped: false,
        };
        times(&world, site, &booted)
    };
    assert_eq!(at(&[1], A), [130]);
    assert_eq!((at(&[], B), at(&[], C)), (vec![0, 110], vec![0, 120]));
}

#[test]
fn a_durable_snapshot_replaces_what_came_before() {
    let crash = Incident::Crash {
        site: A,
        down_for: span(20),
    };
    let numbers = [1, 2, SNAPSHOT, 3];
    let commands = numbers.map(|number| (10, A, Command::Write(number)));
    let mut world = world(setup([(100, crash)]), commands, Nobody);
    world.run().unwrap();
    assert_eq!(boots(&world, A)[1].0, [SNAPSHOT, 3]);
}

#[test]
fn a_partition_loses_datagrams_delays_reliable_messages_and_ends() {
    let cut = || Incident::Partition {
        cut: Cut::isolate(A, 3),
        lasts: span(100),
    };
    let commands = || [(20, A, Command::Shout(1)), (200, A, Command::Shout(2))];
    let mut datagrams = world(setup([(10, cut())]), commands(), Nobody);
    assert_eq!(datagrams.run().unwrap().counters.lost, 2);
    assert_eq!(times(&datagrams, B, &Output::Heard(A, 1)), []);
    assert_eq!(times(&datagrams, B, &Output::Heard(A, 2)), [201]);
    let mut streams = world(reliable(setup([(10, cut())])), commands(), Nobody);
    assert_eq!(streams.run().unwrap().counters.lost, 0);
    assert_eq!(times(&streams, B, &Output::Heard(A, 1)), [111]);
}

#[test]
fn a_reliable_link_waits_for_a_site_that_is_down_and_dies_with_its_sender() {
    let crash = |site| Incident::Crash {
        site,
        down_for: span(100),
    };
    let commands = || [(20, A, Command::Shout(1))];
    let mut waits = world(reliable(setup([(10, crash(B))])), commands(), Nobody);
    waits.run().unwrap();
    assert_eq!(times(&waits, B, &Output::Heard(A, 1)), [111]);
    let incidents = [(10, crash(B)), (50, crash(A))];
    let mut dies = world(reliable(setup(incidents)), commands(), Nobody);
    dies.run().unwrap();
    assert_eq!(times(&dies, B, &Output::Heard(A, 1)), []);
}

#[test]
fn a_paused_site_does_nothing_and_finds_its_inbox_kept_or_dropped() {
    for (inbox, heard) in [(Inbox::Kept, vec![110]), (Inbox::Dropped, vec![])] {
        let pause = Incident::Pause {
            site: B,
            lasts: span(100),
            inbox,
        };
        let commands = [
            (5, B, Command::Wait(span(20))),
            (8, B, Command::Write(2)),
            (20, A, Command::Shout(1)),
        ];
        let mut world = world(setup([(10, pause)]), commands, Nobody);
        world.run().unwrap();
        assert_eq!(times(&world, B, &Output::Heard(A, 1)), heard);
        assert_eq!(
            times(&world, B, &Output::Wrote(2)),
            [110],
            "its sync ended meanwhile"
        );
        assert_eq!(times(&world, B, &Output::Rang(ms(110))), [110]);
    }
}

#[test]
fn a_crash_ends_a_pause() {
    let pause = Incident::Pause {
        site: B,
        lasts: span(500),
        inbox: Inbox::Dropped,
    };
    let crash = Incident::Crash {
        site: B,
        down_for: span(20),
    };
    let commands = [(100, A, Command::Shout(1))];
    let mut world = world(setup([(10, pause), (50, crash)]), commands, Nobody);
    world.run().unwrap();
    assert_eq!(times(&world, B, &Output::Heard(A, 1)), [101]);
}

#[test]
fn healing_hurries_what_is_still_on_its_way() {
    let slow = LinkModel {
        delay_min: span(5_000),
        delay_max: span(5_000),
        ..LinkModel::PERFECT
    };
    let base = setup(NONE);
    let commands = [(10, A, Command::Shout(1)), (1_100, A, Command::Shout(2))];
    let mut world = world(
        Setup {
            links: slow,
            ..base
        },
        commands,
        Nobody,
    );
    world.run().unwrap();
    assert_eq!(times(&world, B, &Output::Heard(A, 1)), [1_001]);
    assert_eq!(times(&world, B, &Output::Heard(A, 2)), [1_102]);
}

#[test]
fn a_timeout_comes_at_its_deadline_after_what_waits() {
    let commands = [(10, B, Command::Wait(span(1))), (10, A, Command::Shout(1))];
    let mut world = world(setup(NONE), commands, Nobody);
    world.run().unwrap();
    let seen = world.environment().seen.iter();
    let order: Vec<_> = seen
        .filter(|(at, who, _)| *who == B && *at == ms(11))
        .collect();
    let [(_, _, first), (_, _, second)] = order[..] else {
        panic!("{order:?}");
    };
    assert_eq!(
        (first, second),
        (&Output::Heard(A, 1), &Output::Rang(ms(11)))
    );
}

#[test]
fn a_timeout_goes_by_the_sites_own_clock() {
    let clocks = ClockModel {
        offset_max: Duration::from_secs(100),
        drift_ppm_max: 500_000,
    };
    let commands = [(10, A, Command::Wait(span(100)))];
    let base = setup(NONE);
    let mut world = world(Setup { clocks, ..base }, commands, Nobody);
    world.run().unwrap();
    let rang = world
        .environment()
        .seen
        .iter()
        .find_map(|(at, _, output)| match output {
            Output::Rang(local) => Some((*at, *local)),
            _ => None,
        });
    let (at, local) = rang.unwrap();
    assert!(local.as_millis() > 1_000, "the clock has a head start");
    let took = at.since(ms(10)).as_millis();
    assert!((66..=200).contains(&took) && took != 100, "{took}");
}

#[test]
fn a_message_that_fails_verification_is_dropped_and_blamed_on_the_links_peer() {
    let commands = || [(10, A, Command::Shout(FORGED))];
    let mut blames = world(setup(NONE), commands(), Nobody);
    assert_eq!(blames.run().unwrap().counters.refused, 2);
    assert_eq!(times(&blames, B, &Output::Heard(A, FORGED)), []);
    let soundness = BlameSoundness::new(SiteSet::EMPTY);
    let mut checked = world(setup(NONE), commands(), Nobody).checking(soundness);
    let violation = checked.run().unwrap_err().violation;
    assert_eq!(violation.text, "B blames the correct site A");
}

#[test]
fn a_site_refuses_a_command_and_one_that_is_down_never_hears_it() {
    let crash = Incident::Crash {
        site: B,
        down_for: span(100),
    };
    let commands = [(20, A, Command::Refuse), (20, B, Command::Refuse)];
    let mut world = world(setup([(10, crash)]), commands, Nobody);
    assert_eq!(world.run().unwrap().counters.commands, 1);
    assert_eq!(world.environment().refusals, 1);
}

/// Owns C and the network: messages to A late, to B held, to C lost. Speaks once unasked.
struct Scheduler {
    spoke: bool,
}

impl Adversary<Probe> for Scheduler {
    fn corrupted(&self) -> SiteSet {
        std::iter::once(C).collect()
    }

    fn tamper(&mut self, turn: &mut Turn<'_, Probe>, site: SiteId, step: Step<Probe>) {
        for output in step.outputs {
            turn.output(site, output);
        }
        turn.send(A, B, 77);
    }

    fn schedule(
        &mut self,
        _: &mut Turn<'_, Probe>,
        _: SiteId,
        to: SiteId,
        _: &u64,
    ) -> Option<Fate> {
        Some(match to {
            A => Fate::After(span(300)),
            B => Fate::Hold,
            _ => Fate::Drop,
        })
    }

    fn wake(&mut self, turn: &mut Turn<'_, Probe>) {
        self.spoke = true;
        turn.send(C, A, 5);
    }

    fn next_wake(&self) -> Option<Time> {
        (!self.spoke).then_some(ms(50))
    }
}

#[test]
fn an_adversary_delays_holds_and_drops_but_cannot_speak_for_a_correct_site() {
    let commands = [
        (10, A, Command::Shout(1)),
        (10, B, Command::Shout(2)),
        (1_500, A, Command::Shout(3)),
    ];
    let mut world = world(setup(NONE), commands, Scheduler { spoke: false });
    world.run().unwrap();
    assert_eq!(times(&world, A, &Output::Heard(B, 2)), [310]);
    assert_eq!(times(&world, A, &Output::Heard(C, 5)), [350]);
    assert_eq!(
        times(&world, B, &Output::Heard(A, 1)),
        [1_001],
        "held until the world heals"
    );
    assert_eq!(times(&world, C, &Output::Heard(B, 2)), []);
    assert_eq!(times(&world, C, &Output::Heard(A, 3)), [1_502]);
    assert_eq!(times(&world, B, &Output::Heard(A, 77)), []);
}

#[test]
fn a_rude_site_is_as_rude_as_it_was_told() {
    let run = |manners| {
        let intruder = Rude::with_manners(std::iter::once(C).collect(), manners)
            .forging(|_, to, message| (to == A).then_some(message + 100))
            .forging_outputs(|_, _| Some(Output::Wrote(9)));
        let commands = [(10, C, Command::Write(1)), (20, C, Command::Write(2))];
        let mut world = world(setup(NONE), commands, intruder);
        world.run().unwrap();
        let heard = |site, number| times(&world, site, &Output::Heard(C, number)).len();
        [heard(A, 1), heard(B, 1), heard(A, 101), heard(B, 101)]
    };
    let polite = Manners::default();
    assert_eq!(run(polite), [1, 1, 0, 0]);
    let silent = 1_000;
    assert_eq!(run(Manners { silent, ..polite }), [0, 0, 0, 0]);
    let forge = 1_000;
    assert_eq!(
        run(Manners { forge, ..polite }),
        [0, 1, 1, 0],
        "to B it knows no lie"
    );
    let repeat = 1_000;
    assert_eq!(run(Manners { repeat, ..polite }), [2, 2, 0, 0]);
    let replay = 1_000;
    let [at_a, at_b, ..] = run(Manners { replay, ..polite });
    assert!(
        at_a + at_b >= 2,
        "there is nothing older than the first message"
    );
}

#[test]
fn clients_see_the_lies_of_corrupted_sites_and_properties_do_not() {
    struct SeesNothingOf(SiteId);
    impl Property<Probe> for SeesNothingOf {
        fn name(&self) -> &str {
            "blindness"
        }
        fn observe(&mut self, _: Time, it: &Observation<'_, Probe>) -> Result<(), Violation> {
            match it {
                Observation::Output { site, .. } if *site == self.0 => {
                    Err(Violation::new(self.name(), "it sees"))
                }
                _ => Ok(()),
            }
        }
    }
    let forge = 1_000;
    let manners = Manners {
        forge,
        ..Manners::default()
    };
    let intruder = Rude::with_manners(std::iter::once(C).collect(), manners)
        .forging_outputs(|_, output| (*output == Output::Wrote(1)).then_some(Output::Wrote(9)));
    let commands = [(10, C, Command::Write(1))];
    let mut world = world(setup(NONE), commands, intruder).checking(SeesNothingOf(C));
    world.run().unwrap();
    assert_eq!(times(&world, C, &Output::Wrote(1)), []);
    assert_eq!(times(&world, C, &Output::Wrote(9)).len(), 1);
}

/// Never content.
struct Never;

impl Property<Probe> for Never {
    fn name(&self) -> &str {
        "doom"
    }

    fn observe(&mut self, _: Time, _: &Observation<'_, Probe>) -> Result<(), Violation> {
        Ok(())
    }

    fn done(&self) -> bool {
        false
    }

    fn stuck(&self) -> String {
        "the last day".to_owned()
    }
}

#[test]
fn a_run_that_does_not_end_names_what_it_waits_for() {
    let mut drained = world(setup(NONE), [], Nobody).checking(Never);
    let violation = drained.run().unwrap_err().violation;
    assert_eq!(violation.property, "liveness");
    let text = "nothing is left to happen, still waiting for doom: the last day";
    assert_eq!(violation.text, text);

    let base = setup(NONE);
    let short = Setup {
        liveness_bound: span(500),
        ..base
    };
    let violation = world(short, [], Nobody).run().unwrap_err().violation;
    let text = "the time is up, still waiting for environment: the end of the script";
    assert_eq!(violation.text, text);
}

#[test]
fn a_protocol_that_spins_is_stopped() {
    let base = setup(NONE);
    let few = Setup {
        events_max: 5,
        links: LinkModel {
            carriage: Carriage::Datagram,
            duplication_per_mille: 1_000,
            ..LinkModel::PERFECT
        },
        ..base
    };
    let commands = (0..10).map(|number| (10, A, Command::Shout(number)));
    let violation = world(few, commands, Nobody).run().unwrap_err().violation;
    assert!(
        violation.text.starts_with("the run has too many events"),
        "{violation}"
    );
}
