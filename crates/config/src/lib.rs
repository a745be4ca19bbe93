//! The files a group is described by.
//!
//! - [`GroupFile`] (`group.toml`, public, equal everywhere): the group's name, what it tolerates,
//!   and the names, public keys and addresses of its sites and clients.
//! - [`SiteFile`] (`site.toml`): which of the sites a daemon is, and where its data, key and
//!   sockets are.
//! - [`JoinFile`] (`join.toml`, public): what a group must know of a site that is to join it.
//! - Views: the certificates by which the group has handed over to its present sites.
//! - Key files: the seed of an Ed25519 key as 64 hexadecimal digits, readable by its owner only.
//!
//! # Guarantees
//! - What loads is valid: a [`GroupFile`] carries its f, its names and keys are distinct, its keys
//!   are proper points. Unknown fields are refused, so a typing error is not a silent default.
//! - An error says which file, which line if there is one, what is wrong and what to do next.
//! - Files are replaced as a whole or not at all; a key file never replaces another.
//! - A secret that others could read is refused, not used with a warning.

mod epoch;
mod error;
mod file;
mod generate;
mod group;
mod join;
mod restored;
mod row;
mod secret;
mod site;
mod spelling;
mod views;

pub use error::ConfigError;
pub use generate::{
    FAST_PATH_DEFAULT, Generated, NamedKey, Plan, consecutive, generate, generate_for,
};
pub use group::{ApprovalsEntry, ClientEntry, Group, GroupError, GroupFile, Kind, SiteEntry};
pub use join::JoinFile;
pub use maftia_membership::{NAME_BYTES_MAX, is_name};
pub use restored::{Rebirth, RestoredEntry, reborn};
pub use row::RowError;
pub use secret::{SECRET_BYTES_MIN, load_key, load_token, save_key, save_token};
pub use site::SiteFile;
pub use views::{load_views, save_views};

#[cfg(test)]
mod tests;
