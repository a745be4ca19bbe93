//! The models and what the checker says of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]
#![allow(
    clippy::print_stdout,
    reason = "how many states were visited is part of the result"
)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "test code counts small things"
)]

mod amnesia;
mod dag;
mod modes;

/// Whether the large instances are to be visited too.
fn slow() -> bool {
    std::env::var_os("MAFTIA_SLOW").is_some()
}
