use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Does `work` for 0 to `count` - 1 in some order, on several threads. After an error no further
/// work is begun.
///
/// # Errors
/// The first.
pub(super) fn parallel<E: Send>(
    threads: usize,
    count: u64,
    work: impl Fn(u64) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let next = AtomicU64::new(0);
    let failed = Mutex::new(None);
    let is_failed = || failed.lock().is_ok_and(|it| it.is_some());
    let worker = || {
        while !is_failed() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            if let Err(error) = work(index) {
                let mut failed = failed.lock().expect("no work is done under the lock");
                failed.get_or_insert(error);
            }
        }
    };
    let threads = u64::try_from(threads).unwrap_or(1).clamp(1, count.max(1));
    if threads == 1 {
        worker();
    } else {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(worker);
            }
        });
    }
    match failed.into_inner().expect("no work is done under the lock") {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_is_done_once() {
        for (threads, count) in [(1, 5), (16, 1000), (16, 3), (16, 0)] {
            let done = Mutex::new(BTreeSet::new());
            let result: Result<(), ()> = parallel(threads, count, |index| {
                assert!(done.lock().unwrap().insert(index));
                Ok(())
            });
            assert_eq!(result, Ok(()));
            assert_eq!(done.into_inner().unwrap(), (0..count).collect());
        }
    }

    #[test]
    fn an_error_stops_the_rest() {
        let result = parallel(4, u64::MAX, |index| match index {
            100 => Err(index),
            _ => Ok(()),
        });
        assert_eq!(result, Err(100));
    }
}
