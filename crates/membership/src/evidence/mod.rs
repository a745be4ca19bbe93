//! Evidence: what convicts a site for everybody, kept in the ordered state and handed to outsiders.
//!
//! # Guarantees
//! - **No correct site is in it.** A [`Proof`] that [`Proof::verify`] accepts contains statements
//!   that bear the culprit's signature and that its program never makes together.
//! - **Equal at all sites.** [`Store`] changes through the log only and is part of every checkpoint.
//! - **Convinces without us.** An [`Export`] is checked against the culprit's public key alone:
//!   offline, without any site, agent or ordered state.
//!
//! # What is proven, and what is only reported
//! The proof shows *that* the holder of a key signed both statements. Who reported it, when and at
//! which commit is the group's word; in a file it is the word of whoever wrote the file. A key that
//! was stolen convicts its owner: who cannot keep its key is intruded.
//!
//! # Bounds
//! [`PER_CULPRIT_MAX`] proofs for each key, [`EXHIBITS_MAX`] in all; the oldest of keys that are no
//! longer in the group go first, so that no conviction of a member is ever forgotten.

mod export;
mod proof;
mod store;

pub use export::{EXPORT_BYTES_MAX, Export, ExportError};
pub use maftia_ordering::NoProof;
pub use proof::{Proof, Statement};
pub use store::{
    Admission, EXHIBIT_BYTES_MAX, EXHIBITS_MAX, Exhibit, PER_CULPRIT_MAX, Report, Store,
};

#[cfg(test)]
mod tests;
