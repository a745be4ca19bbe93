use std::collections::BTreeMap;

use maftia_types::{Duration, Time};

/// Results given again in full to one client key in one period. All that a client has under way at
/// once fits, so that who has lost its answers gets them all; and who asks without end, which takes
/// no more than a number for each, gets digests for the rest.
const REPEATED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A client asks the same site again after all others: later than this, once it has waited at all.
const REPEAT_PERIOD: Duration = Duration::from_secs(1);

/// What clients that asked again were given in full. Local: no other site need agree.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    since: Time,
    /// By client key.
    given: BTreeMap<u32, usize>,
}

impl Repeats {
    /// Takes so many bytes from the key's share of this period. Gives whether they were left.
    pub(crate) fn take(&mut self, now: Time, key: u32, bytes: usize) -> bool {
        if now.since(self.since) >= REPEAT_PERIOD {
            self.since = now;
            self.given.clear();
        }
        let given = self.given.entry(key).or_default();
        let fits = *given + bytes <= REPEATED_BYTES_MAX;
        if fits {
            *given += bytes;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_given_so_much_in_a_period_whatever_others_are_given() {
        let mut repeats = Repeats::default();
        let now = Time::ZERO + REPEAT_PERIOD;
        assert!(repeats.take(now, 1, REPEATED_BYTES_MAX - 1));
        assert!(!repeats.take(now, 1, 2));
        assert!(repeats.take(now, 1, 1));
        assert!(!repeats.take(now, 1, 1));
        assert!(repeats.take(now, 2, REPEATED_BYTES_MAX));
        let later = now + REPEAT_PERIOD;
        let before = Time::from_nanos(later.as_nanos() - 1);
        assert!(!repeats.take(before, 1, 1));
        assert!(repeats.take(later, 1, REPEATED_BYTES_MAX));
        assert!(!repeats.take(later, 1, 1));
    }
}
