//! The seal: what a device gives, what a block's must be, and sites that restart with one.

use std::sync::Arc;

use maftia_codec::Wire;
use maftia_protocol::{Event, Protocol, plant};
use maftia_types::{Digest, Epoch, FaultModel, Resilience, Round, SiteId, Time};

use super::blocks::*;
use super::devices::device;
use super::harness::*;
use crate::fault::Invalid;
use crate::seal::*;
use crate::*;

/// n sites of the row `hybrid`, each with its device.
struct Group {
    devices: Vec<SimulatedDevice>,
    registered: Vec<Device>,
}

impl Group {
    fn new(n: usize, when_off: WhenOff) -> Self {
        let devices: Vec<_> = (0..n).map(|of| device(of, when_off)).collect();
        let registered = devices.iter().map(SimulatedDevice::registered).collect();
        Self {
            devices,
            registered,
        }
    }

    fn seals(&self, me: usize) -> Seals {
        let own: Arc<dyn Sealer> = Arc::new(self.devices[me].clone());
        Seals::new(self.registered.clone(), Some(own))
    }

    fn parameters(&self, me: usize) -> Parameters {
        let n = self.devices.len();
        Parameters {
            resilience: Resilience::largest(FaultModel::Hybrid, n).unwrap(),
            seals: Some(self.seals(me)),
            ..parameters(n)
        }
    }

    fn boot(&self, me: usize, boot: Boot) -> (Engine, maftia_protocol::Step<Engine>) {
        let n = self.devices.len();
        Engine::boot(self.parameters(me), identity(n, me), boot, Time::ZERO)
    }

    fn net(&self) -> Net {
        let n = self.devices.len();
        let mut net = Net::new(n);
        net.engines = (0..n).map(|me| self.boot(me, fresh_boot()).0).collect();
        net
    }

    /// A sealed block of `author` on all geneses.
    fn first(&self, author: usize, time_ms: u64) -> Result<Arc<Block>, Refused> {
        let header = Header {
            time_ms,
            ..self.header(author, 1)
        };
        Block::seal(header, &key(author), &self.devices[author])
    }

    fn header(&self, author: usize, round: u64) -> Header {
        let n = self.devices.len();
        let dag = Dag::genesis(CONFIG, Epoch(0), n);
        let parents = own_first(author, &at_round(&dag, 0));
        let above = |parent: BlockRef| BlockRef {
            round: Round(round - 1),
            ..parent
        };
        header(author, round, parents.into_iter().map(above).collect())
    }
}

/// Submits and runs until the others have delivered so many more.
fn work(net: &mut Net, at: usize, from: u8, count: u8) {
    for i in from..from + count {
        net.submit(at, &[i]);
        net.run(12);
    }
}

fn newest(net: &Net, at: usize, author: u8) -> Round {
    let newest = net.engines[at].dag().newest(site(author));
    newest.map_or(Round(0), |entry| entry.block.round())
}

/// No two blocks of one author and round with any site.
fn has_no_twins(net: &Net) -> bool {
    let mut blocks = std::collections::BTreeMap::new();
    net.engines.iter().all(|engine| {
        let dag = engine.dag();
        dag.from(dag.base()).all(|entry| {
            let BlockRef {
                author,
                round,
                digest,
            } = entry.block.reference();
            *blocks.entry((author, round)).or_insert(digest) == digest
        })
    })
}

#[test]
fn h1_takes_a_seal_of_the_authors_device_over_this_header_only() {
    let group = Group::new(3, WhenOff::Forgets);
    let parameters = group.parameters(0);
    let check = |block: &Block| check_seal(&parameters, block);
    let good = group.first(0, 1).unwrap();
    assert_eq!(check(&good), Ok(()));
    let plain = Block::sign(group.header(0, 1), &key(0));
    assert_eq!(check(&plain), Err(Invalid::H1Seal), "without a seal");
    let foreign = Block::seal(group.header(1, 1), &key(1), &group.devices[2]).unwrap();
    assert_eq!(check(&foreign), Err(Invalid::H1Seal), "of another's device");
    let devices = &group.devices;
    let own = group.header(0, 1);
    let mixed = |other: Request| {
        let seal = devices[0].seal_unchecked(&other, Last::Known(Round(0)));
        crate::block::Unsealed::new(own.clone(), &key(0)).sealed(seal)
    };
    let request = good.request();
    let (round, epoch, group) = (Round(2), Epoch(1), Digest([8; 32]));
    let digest = Digest([7; 32]);
    for other in [
        Request { digest, ..request },
        Request { round, ..request },
        Request { epoch, ..request },
        Request { group, ..request },
    ] {
        assert_eq!(check(&mixed(other)), Err(Invalid::H1Seal), "{other:?}");
    }
    let mixed = mixed(Request { digest, ..request });
    let planted = plant("H1 seal not checked", || check(&mixed));
    assert_eq!(planted, Ok(()), "the planted bug lets it through");
    let arbitrary = super::harness::parameters(3);
    assert_eq!(check_seal(&arbitrary, &good), Err(Invalid::V1Foreign));
    assert_eq!(check_seal(&arbitrary, &plain), Ok(()));
}

#[test]
fn t16_c18_a_device_that_was_switched_off_and_on_seals_nothing_more_in_the_epoch() {
    let group = Group::new(3, WhenOff::Forgets);
    let check = |block: &Block| check_seal(&group.parameters(0), block);
    let before = group.first(0, 1).unwrap();
    assert_eq!(group.first(0, 2).map(|block| block.digest()), Err(Refused));
    group.devices[0].power_cycle();
    let after = group.first(0, 2).expect("it has forgotten");
    assert_ne!(before.digest(), after.digest());
    assert_eq!(check(&after), Err(Invalid::H1Seal));
    assert_eq!(check(&before), Ok(()), "what it sealed before counts");
    let planted = plant("H1 boot not checked", || check(&after));
    assert_eq!(planted, Ok(()), "the planted bug lets both through");
}

#[test]
fn h2_takes_the_own_parent_that_was_sealed_last() {
    let group = Group::new(3, WhenOff::Forgets);
    let parameters = group.parameters(0);
    let depth = parameters.reference_depth();
    let goes_on =
        |last, own: Option<u64>, round| continues(&parameters, last, own.map(Round), Round(round));
    let known = |round| Last::Known(Round(round));
    for (own, expected) in [(4, false), (5, true), (6, false)] {
        assert_eq!(goes_on(known(5), Some(own), 9), expected, "{own}");
    }
    assert!(!goes_on(known(5), None, 5 + depth), "it may still be cited");
    assert!(goes_on(known(5), None, 6 + depth), "a re-entry");
    for (own, expected) in [(Some(5), true), (Some(6), false), (None, true)] {
        assert_eq!(goes_on(Last::UpTo(Round(5)), own, 9), expected, "{own:?}");
    }
    // Sealed two rounds apart, the second on the genesis.
    group.first(0, 1).unwrap();
    let mut gap = group.header(0, 3);
    gap.parents[0].round = Round(0);
    gap.parents.push(gap.parents[0]);
    let gap = Block::seal(gap, &key(0), &group.devices[0]).unwrap();
    assert_eq!(check_seal(&parameters, &gap), Err(Invalid::H2Gap));
    let planted = plant("H2 gap not checked", || check_seal(&parameters, &gap));
    assert_eq!(planted, Ok(()), "the planted bug lets it through");
}

#[test]
fn three_sites_with_devices_go_on_without_one_of_them() {
    let group = Group::new(3, WhenOff::Forgets);
    let mut net = group.net();
    work(&mut net, 0, 0, 10);
    assert_eq!(net.payloads(2).concat(), (0..10).collect::<Vec<u8>>());
    net.cut = vec![site(1)];
    for i in 10..20 {
        net.submit(0, &[i]);
        net.run(40);
    }
    assert_eq!(net.payloads(2).concat(), (0..20).collect::<Vec<u8>>());
    assert_eq!(net.payloads(0), net.payloads(2));
    assert!(net.blamed.is_empty());
    let sealed = net.engines[0].dag().from(Round(1));
    assert!(
        sealed
            .into_iter()
            .all(|entry| entry.block.bears().is_some())
    );
}

#[test]
fn c20_what_was_sealed_and_not_yet_logged_is_found_again() {
    let group = Group::new(3, WhenOff::Forgets);
    let mut net = group.net();
    work(&mut net, 2, 0, 5);
    let records = net.records[2].clone();
    let last = records
        .iter()
        .rposition(|r| matches!(r, Record::Draft { .. }));
    let (last, sealed) = (last.unwrap(), newest(&net, 0, 2));
    let of_round = |engine: &Engine| engine.dag().slot(site(2), sealed)[0].block.digest();
    let expected = of_round(&net.engines[0]);
    for (kept, made) in [(last + 1, "its seal"), (records.len(), "nothing")] {
        let boot = Boot {
            records: records[..kept].to_vec(),
            ..fresh_boot()
        };
        let (engine, _) = group.boot(2, boot);
        assert_eq!(of_round(&engine), expected, "without {made}");
    }
    // Without the draft the site knows no more what its device has sealed.
    let boot = Boot {
        records: records[..last].to_vec(),
        ..fresh_boot()
    };
    let (engine, step) = group.boot(2, boot);
    assert!(engine.dag().slot(site(2), sealed).is_empty());
    assert!(step.messages.is_empty(), "and cannot make another");
}

#[test]
fn a_site_whose_log_is_lost_goes_on_where_its_device_is() {
    let group = Group::new(3, WhenOff::Forgets);
    let mut net = group.net();
    work(&mut net, 0, 0, 8);
    let before = newest(&net, 0, 2);
    let boot = Boot {
        lost: true,
        nonce: 9,
        ..fresh_boot()
    };
    let (engine, step) = group.boot(2, boot);
    net.engines[2] = engine;
    net.commits[2].clear();
    net.perform(2, step);
    work(&mut net, 0, 8, 20);
    assert!(newest(&net, 0, 2) > before, "it makes blocks again");
    assert!(has_no_twins(&net));
    assert_eq!(net.payloads(2).concat(), (0..28).collect::<Vec<u8>>());
}

#[test]
fn t16_a_site_with_a_new_boot_of_its_device_is_readmitted_by_the_next_epoch() {
    let group = Group::new(3, WhenOff::Forgets);
    let mut net = group.net();
    work(&mut net, 0, 0, 4);
    let before = newest(&net, 0, 2);
    group.devices[2].power_cycle();
    let boot = Boot {
        records: net.records[2].clone(),
        ..fresh_boot()
    };
    net.engines[2] = group.boot(2, boot).0;
    for i in 4..12 {
        net.submit(0, &[i]);
        net.run(40);
    }
    assert!(newest(&net, 0, 2) <= before.next(), "it makes no block");
    assert_eq!(net.payloads(2), net.payloads(0), "it follows");
    assert_eq!(net.engines[0].wants_readmission(), None);
    let identity = net.engines[2].wants_readmission().expect("it says so");
    assert_eq!(identity.boot, BootId(2));
    // The next epoch has the new boot; rounds begin anew.
    let old = net.engines[0].dag().newest(site(2)).unwrap().block.clone();
    for (at, engine) in net.engines.iter_mut().enumerate() {
        let seals = group.seals(at).readmitted(site(2), &identity);
        let next = Parameters {
            epoch: Epoch(1),
            seals: Some(seals),
            ..group.parameters(at)
        };
        assert_eq!(
            check_seal(&next, &old),
            Err(Invalid::H1Seal),
            "of the old boot"
        );
        let keys: Vec<_> = (0..3).map(|of| key(of).public()).collect();
        let seat = (site(at as u8), keys);
        let (step, _) = engine.turn(next, seat, fresh_boot(), bytes::Bytes::clone, net.now);
        assert!(step.is_empty());
        assert_eq!(engine.wants_readmission(), None);
    }
    net.lose();
    net.commits.iter_mut().for_each(Vec::clear);
    work(&mut net, 2, 100, 5);
    assert_eq!(net.payloads(0).concat(), (100..105).collect::<Vec<u8>>());
}

#[test]
fn a_site_whose_device_has_a_lease_goes_on_when_it_has_passed() {
    let group = Group::new(3, WhenOff::Leases(6));
    let mut net = group.net();
    work(&mut net, 0, 0, 4);
    let before = newest(&net, 0, 2);
    group.devices[2].power_cycle();
    let boot = Boot {
        records: net.records[2].clone(),
        ..fresh_boot()
    };
    net.engines[2] = group.boot(2, boot).0;
    net.commits[2].clear();
    for i in 4..24 {
        net.submit(0, &[i]);
        net.run(40);
    }
    let first = net.engines[0].dag().from(before.next());
    let mut first = first.filter(|entry| entry.block.author() == site(2));
    let first = first.next().expect("it makes blocks again");
    assert!(matches!(first.block.bears().unwrap().last, Last::UpTo(_)));
    assert!(has_no_twins(&net));
    assert!(net.blamed.is_empty());
}

/// Two blocks of author 2 for round 1 arrive at site 0.
fn twins_arrive(mut engine: Engine, twins: [Arc<Block>; 2]) -> Vec<Output> {
    let steps = twins.map(|block| {
        let message = Message::Block {
            block,
            payload: None,
        };
        let from = site(2);
        engine.handle(Time::ZERO, Event::Message { from, message })
    });
    assert!(engine.is_halted());
    steps.into_iter().flat_map(|step| step.outputs).collect()
}

#[test]
fn t16_two_seals_of_a_round_prove_the_device_broken_and_stop_the_site() {
    let group = Group::new(3, WhenOff::Forgets);
    let broken = |time_ms| {
        let header = Header {
            time_ms,
            ..group.header(2, 1)
        };
        let block = crate::block::Unsealed::new(header, &key(2));
        let last = Last::Known(Round(0));
        let seal = group.devices[2].seal_unchecked(&block.request(), last);
        block.sealed(seal)
    };
    let (engine, _) = group.boot(0, fresh_boot());
    let outputs = twins_arrive(engine, [broken(1), broken(2)]);
    let proof = outputs.iter().find_map(|output| match output {
        Output::BrokenSeal(proof) => Some(proof.clone()),
        _ => None,
    });
    let proof = proof.expect("a proof");
    assert!(matches!(outputs.last(), Some(Output::Alarm(_))));
    let read = BrokenSeal::from_bytes(proof.to_bytes()).unwrap();
    let Device { id, key, .. } = group.registered[2];
    assert_eq!(read.verify(&key), Ok(id), "with the device's key alone");
    assert_eq!(read.round(), Round(1));
    let other = group.registered[1].key;
    assert_eq!(read.verify(&other), Err(NotBroken::Unsealed));
    let one = broken(1);
    assert_eq!(BrokenSeal::new(&one, &one), None, "the same twice");
    let planted = plant("twins are tolerated", || {
        let (mut engine, _) = group.boot(0, fresh_boot());
        for block in [broken(1), broken(2)] {
            let message = Message::Block {
                block,
                payload: None,
            };
            let from = site(2);
            let _ = engine.handle(Time::ZERO, Event::Message { from, message });
        }
        engine.is_halted()
    });
    assert!(!planted);
}

#[test]
fn a_second_block_of_a_round_stops_a_crash_group() {
    let crash = Parameters {
        resilience: Resilience::largest(FaultModel::Crash, 3).unwrap(),
        ..parameters(3)
    };
    let boot = |records| {
        let boot = Boot {
            records,
            ..fresh_boot()
        };
        Engine::boot(crash.clone(), identity(3, 0), boot, Time::ZERO).0
    };
    let group = Group::new(3, WhenOff::Forgets);
    let twin = |time_ms| {
        let header = Header {
            time_ms,
            ..group.header(2, 1)
        };
        Block::sign(header, &key(2))
    };
    let outputs = twins_arrive(boot(Vec::new()), [twin(1), twin(2)]);
    assert!(matches!(outputs[0], Output::Equivocation(_)));
    assert!(matches!(outputs.last(), Some(Output::Alarm(_))));
    let logged = |time_ms| Record::Block {
        block: twin(time_ms),
        payload: None,
    };
    assert!(!boot(vec![logged(1)]).is_halted());
    let again = boot(vec![logged(1), logged(2)]);
    assert!(again.is_halted(), "a start does not forget it");
}

#[test]
fn c21_in_the_row_hybrid_commit_time_is_the_least_clock() {
    let group = Group::new(5, WhenOff::Forgets);
    let mut net = group.net();
    // Two of five clocks are a day ahead: their sites are as if intruded.
    for at in [3, 4] {
        net.engines[at].submit(&[0]).unwrap();
        let day = Time::from_nanos(86_400_000_000_000);
        let step = net.engines[at].handle(day, Event::Timeout);
        net.perform(at, step);
    }
    work(&mut net, 0, 0, 10);
    let newest = net.commits[0].last().expect("commits").time_ms;
    assert!(newest < 86_400_000, "{newest}");
}

#[test]
#[should_panic(expected = "a trusted device per site")]
fn a_hybrid_group_without_devices_does_not_start() {
    let none = Parameters {
        seals: None,
        ..Group::new(3, WhenOff::Forgets).parameters(0)
    };
    let _ = Engine::boot(none, identity(3, 0), fresh_boot(), Time::ZERO);
}

#[test]
fn drafts_and_seals_are_read_as_they_were_written() {
    let group = Group::new(3, WhenOff::Leases(3));
    let block = group.first(0, 1).unwrap();
    assert_eq!(Block::from_bytes(block.to_bytes()).unwrap(), *block);
    let draft = Record::Draft {
        header: Box::new(block.header().clone()),
        payload: bytes::Bytes::from_static(b"work"),
    };
    let sealed = Record::Sealed(*block.bears().unwrap());
    for record in [draft, sealed] {
        assert_eq!(Record::from_bytes(record.to_bytes()).unwrap(), record);
    }
    let told = Message::Drafted { round: Round(3) };
    assert_eq!(Message::from_bytes(told.to_bytes()).unwrap(), told);
    // A plain block must not begin as a sealed one, nor a sealed one as a plain one.
    let mut bytes = block.to_bytes().to_vec();
    let form = bytes.iter().position(|byte| *byte == 2).unwrap();
    bytes[form] = 1;
    assert!(Block::from_bytes(bytes.into()).is_err());
    let ids: Vec<SiteId> = SiteId::all(3).collect();
    assert_eq!(ids.len(), group.seals(0).len());
}
