use std::collections::BTreeSet;

use super::{Action, Interval, RANGE_LIMIT_MAX, Refusal, TXN_COUNTS_MAX};

/// The rules for one branch of a transaction, as etcd's: no key is put twice, nor both put and
/// deleted, whatever the order. Bounds the work of counts and deletions as well.
pub(super) fn check(actions: &[Action]) -> Result<(), Refusal> {
    let mut puts: BTreeSet<&[u8]> = BTreeSet::new();
    let (mut counts, mut deletions) = (0usize, 0u32);
    for action in actions {
        match action {
            Action::Put { key, .. } if !puts.insert(key) => return Err(Refusal::DuplicateKey),
            Action::Count(_) => counts += 1,
            // A limit is at most RANGE_LIMIT_MAX and a branch is short: no overflow.
            Action::DeleteRange { limit, .. } => deletions += limit,
            Action::Put { .. } | Action::Delete { .. } | Action::Get { .. } | Action::Range(_) => {}
        }
    }
    if counts > TXN_COUNTS_MAX || deletions > RANGE_LIMIT_MAX {
        return Err(Refusal::LimitOutOfRange);
    }
    let overlap = actions.iter().any(|action| match action {
        Action::Delete { key, .. } => puts.contains(key.as_ref()),
        Action::DeleteRange { interval, .. } => holds_any(interval, &puts),
        Action::Count(_) | Action::Get { .. } | Action::Put { .. } | Action::Range(_) => false,
    });
    if overlap {
        return Err(Refusal::DuplicateKey);
    }
    Ok(())
}

fn holds_any(interval: &Interval, keys: &BTreeSet<&[u8]>) -> bool {
    keys.range(interval.start.as_ref()..)
        .next()
        .is_some_and(|least| interval.contains(least))
}
