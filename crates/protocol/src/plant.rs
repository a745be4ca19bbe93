//! Bugs that tests plant to see that they would be caught.
//!
//! A protocol asks [`planted`] at the places where a known mistake could be made. Without the
//! feature `danger-planted-bugs` the answer is the constant `false` and the branch is compiled
//! out; no binary enables the feature.

/// Whether the running test has planted the bug of this name.
#[cfg(not(feature = "danger-planted-bugs"))]
#[inline(always)]
pub const fn planted(_: &str) -> bool {
    false
}

#[cfg(feature = "danger-planted-bugs")]
pub use enabled::{plant, planted};

#[cfg(feature = "danger-planted-bugs")]
mod enabled {
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Whether the running test has planted the bug of this name.
    pub fn planted(name: &str) -> bool {
        PLANTED.get().is_some_and(|planted| planted == name)
    }

    /// Runs `work` on this thread with one bug planted.
    pub fn plant<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
        struct Uproot;
        impl Drop for Uproot {
            fn drop(&mut self) {
                PLANTED.set(None);
            }
        }
        let _uproot = Uproot;
        PLANTED.set(Some(name));
        work()
    }
}
