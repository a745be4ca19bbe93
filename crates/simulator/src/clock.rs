use maftia_types::{Duration, Time};

use crate::Dice;

/// How far the sites' clocks may lie from the world's time and from one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockModel {
    /// The largest head start of a site's clock.
    pub offset_max: Duration,
    /// The largest error of a clock's rate, in parts per million, either way; at most half the
    /// rate (500 000) is used.
    pub drift_ppm_max: u32,
}

impl ClockModel {
    /// All clocks show the world's time.
    pub const EXACT: Self = Self {
        offset_max: Duration::ZERO,
        drift_ppm_max: 0,
    };

    /// Up to an hour apart, up to 500 ppm wrong: unsynchronised but working machines.
    pub const FREE_RUNNING: Self = Self {
        offset_max: Duration::from_secs(3_600),
        drift_ppm_max: 500,
    };
}

/// One site's monotonic clock as a function of the world's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    offset: Duration,
    /// Local nanoseconds per million world nanoseconds.
    rate: u64,
}

const MILLION: u64 = 1_000_000;
const DRIFT_PPM_LIMIT: u64 = MILLION / 2;

impl Clock {
    pub(crate) fn draw(model: ClockModel, dice: &mut Dice) -> Self {
        let drift = u64::from(model.drift_ppm_max).min(DRIFT_PPM_LIMIT);
        Self {
            offset: dice.span(Duration::ZERO, model.offset_max),
            rate: MILLION - drift + dice.between(0, 2 * drift),
        }
    }

    /// What this clock shows at a time of the world.
    pub(crate) fn local(self, world: Time) -> Time {
        let elapsed = if self.rate == MILLION {
            world.as_nanos()
        } else {
            scale(world.as_nanos(), self.rate, MILLION)
        };
        Time::from_nanos(elapsed) + self.offset
    }

    /// The first time of the world at which this clock shows `local` or more.
    pub(crate) fn world(self, local: Time) -> Time {
        let elapsed = local.since(Time::ZERO + self.offset).as_nanos();
        if self.rate == MILLION || elapsed == 0 {
            return Time::from_nanos(elapsed);
        }
        let mut world = Time::from_nanos(scale(elapsed, MILLION, self.rate));
        while self.local(world) < local && world < Time::MAX {
            world += Duration::from_nanos(1);
        }
        world
    }
}

fn scale(value: u64, numerator: u64, denominator: u64) -> u64 {
    let scaled = u128::from(value) * u128::from(numerator) / u128::from(denominator);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_reached_exactly_and_not_before() {
        for rate in [500_000, 999_500, 1_000_000, 1_000_500, 1_500_000] {
            let clock = Clock {
                offset: Duration::from_nanos(11),
                rate,
            };
            for deadline in [12, 1_000, 1_000_003, 77_000_000_001] {
                let deadline = Time::from_nanos(deadline);
                let world = clock.world(deadline);
                assert!(clock.local(world) >= deadline, "{rate} {deadline:?}");
                let before = Time::from_nanos(world.as_nanos() - 1);
                assert!(clock.local(before) < deadline, "{rate} {deadline:?}");
            }
        }
    }

    #[test]
    fn the_end_of_time_is_never_reached() {
        let slow = Clock {
            offset: Duration::ZERO,
            rate: 500_000,
        };
        assert_eq!(slow.world(Time::MAX), Time::MAX);
    }
}
