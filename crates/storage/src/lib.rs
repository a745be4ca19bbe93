//! Write-ahead log and snapshots on real disks.
mod disk;
mod log;

pub use disk::DiskError;
pub use log::*;

#[cfg(test)]
mod tests;
