//! How work is cut into requests.

use super::super::api::TXN_ACTIONS_MAX;
use super::CHUNK_BYTES;

/// The most puts or gets of a request.
pub(super) const ACTIONS_MAX: usize = TXN_ACTIONS_MAX;

/// The most bytes of keys and values of a request: two chunks and their manifests. The store takes
/// and gives a quarter more.
pub(super) const BYTES_MAX: usize = 1024 * 1024 + 16 * 1024;

/// The most bytes of keys and values asked for at once. A site queues 1 MiB for a client and lets
/// go of what exceeds it; the client then waits a while before it asks again. So what all
/// [`READERS`] ask for together stays below.
pub(super) const READ_BYTES_MAX: usize = CHUNK_BYTES as usize;

/// Requests under way at once that read values.
pub(super) const READERS: usize = 2;

/// What an item adds to a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) actions: usize,
    pub(super) bytes: usize,
}

impl Cost {
    pub(super) const NONE: Self = Self {
        actions: 0,
        bytes: 0,
    };

    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            actions: self.actions.saturating_add(other.actions),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    pub(super) const fn fits(self, bytes_max: usize) -> bool {
        self.actions <= ACTIONS_MAX && self.bytes <= bytes_max
    }
}

/// Cuts items into runs that fit a request each, in order. An item that does not fit is alone.
pub(super) fn runs<T>(items: Vec<T>, bytes_max: usize, cost: impl Fn(&T) -> Cost) -> Vec<Vec<T>> {
    let mut runs = Vec::new();
    let (mut run, mut total) = (Vec::new(), Cost::NONE);
    for item in items {
        let with = total.plus(cost(&item));
        if with.fits(bytes_max) || run.is_empty() {
            total = with;
        } else {
            total = cost(&item);
            runs.push(std::mem::take(&mut run));
        }
        run.push(item);
    }
    if !run.is_empty() {
        runs.push(run);
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(items: Vec<usize>) -> Vec<usize> {
        let cost = |&bytes: &usize| Cost { actions: 2, bytes };
        runs(items, BYTES_MAX, cost).iter().map(Vec::len).collect()
    }

    #[test]
    fn requests_are_full_and_not_fuller() {
        assert_eq!(lens(vec![0; ACTIONS_MAX / 2]), [ACTIONS_MAX / 2]);
        assert_eq!(lens(vec![0; ACTIONS_MAX / 2 + 1]), [ACTIONS_MAX / 2, 1]);
        assert_eq!(lens(vec![BYTES_MAX / 2; 2]), [2]);
        assert_eq!(lens(vec![BYTES_MAX / 2 + 1; 2]), [1, 1]);
        assert_eq!(lens(vec![1, BYTES_MAX + 1, 1]), [1, 1, 1]);
        assert!(lens(vec![]).is_empty());
    }
}
