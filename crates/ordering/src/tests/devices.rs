//! What a trusted device seals, and what it refuses.

use maftia_types::{Digest, Epoch, Round};

use super::harness::*;
use crate::seal::*;

/// Devices have keys of their own.
const DEVICES: usize = 40;

pub(super) fn device(of: usize, when_off: WhenOff) -> SimulatedDevice {
    SimulatedDevice::new(key(DEVICES + of), when_off)
}

#[test]
fn c19_a_device_counts_by_epoch_and_round_and_for_each_group() {
    let device = device(0, WhenOff::Forgets);
    let ask = |group: u8, epoch: u64, round: u64, digest: u8| {
        let request = Request {
            group: Digest([group; 32]),
            epoch: Epoch(epoch),
            round: Round(round),
            digest: Digest([digest; 32]),
        };
        device.seal(&request).map(|seal| seal.last)
    };
    let last = |round: u64| Ok(Last::Known(Round(round)));
    assert_eq!(ask(1, 0, 100, 1), last(0));
    assert_eq!(ask(1, 0, 100, 2), Err(Refused), "another of the round");
    assert_eq!(ask(1, 0, 99, 1), Err(Refused), "an earlier round");
    assert_eq!(ask(2, 0, 1, 1), last(0), "another group");
    assert_eq!(ask(1, 1, 1, 1), last(0), "the first of an epoch");
    assert_eq!(ask(1, 0, 100, 2), Err(Refused), "an earlier epoch");
    assert_eq!(ask(1, 0, 101, 2), Err(Refused), "an earlier epoch");
    assert_eq!(ask(1, 1, 7, 1), last(1), "rounds may be left out");
    assert_eq!(ask(1, 1, 7, 1), last(1), "c20: the same again");
}

#[test]
fn a_device_with_a_lease_refuses_what_it_may_have_sealed() {
    let device = device(0, WhenOff::Leases(4));
    let ask = |round: u64| {
        let request = Request {
            group: CONFIG,
            epoch: Epoch(0),
            round: Round(round),
            digest: Digest([round as u8; 32]),
        };
        device.seal(&request).map(|seal| seal.last)
    };
    assert_eq!(ask(3), Ok(Last::Known(Round(0))));
    device.power_cycle();
    // 3 to 6 are leased.
    assert_eq!(ask(3), Err(Refused), "it has forgotten which of them");
    assert_eq!(ask(6), Err(Refused));
    assert_eq!(ask(7), Ok(Last::UpTo(Round(6))));
    assert_eq!(ask(8), Ok(Last::Known(Round(7))));
    device.power_cycle();
    assert_eq!(ask(10), Err(Refused));
    assert_eq!(ask(11), Ok(Last::UpTo(Round(10))));
}
