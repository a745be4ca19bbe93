use std::time::{SystemTime, UNIX_EPOCH};

use maftia_types::Incarnation;

/// The largest step between lives, in bits of nanoseconds: thirteen days, so that numbers never run
/// out.
const LIFE_STEP_BITS_MAX: u32 = 50;

/// A life larger than any before: the clock, so that it is also larger than those of processes
/// before this one. If the sites close life after life, a process before this one had a clock that
/// was ahead, and lives grow by larger and larger steps until they have passed its own.
pub(crate) fn next_life(before: Incarnation, clock: Incarnation, closed: u32) -> Incarnation {
    let step = match closed {
        0 => 1,
        _ => {
            1 << closed
                .saturating_mul(2)
                .saturating_add(30)
                .min(LIFE_STEP_BITS_MAX)
        }
    };
    clock.max(before.plus(step)).max(before.next())
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn clock() -> Incarnation {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    });
    Incarnation(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_follow_the_clock_and_pass_one_that_was_ahead() {
        let clock = Incarnation(1_800_000_000_000_000_000);
        assert_eq!(next_life(Incarnation(0), clock, 0), clock);
        assert_eq!(next_life(clock, clock, 0), clock.next());
        let week_ahead = clock.plus(7 * 24 * 3600 * 1_000_000_000);
        let (mut life, mut closed) = (clock, 0);
        while life <= week_ahead {
            closed += 1;
            life = next_life(life, clock, closed);
        }
        assert!(closed <= 10, "{closed}");
        let many = (11..5000).fold(life, |life, closed| next_life(life, clock, closed));
        assert!(many < Incarnation(u64::MAX));
    }
}
