//! Whole sites in the simulated world: crashes, wiped disks, partitions, clients, intruders.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]
#![allow(
    clippy::print_stdout,
    reason = "what a campaign saw is part of its result"
)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "test code counts small things"
)]

mod book;
mod campaigns;
mod case;
mod clients;
mod devices;
mod intruder;
mod model;
mod network;
mod planted;
mod properties;
mod rows;
mod site;
mod speaks;
mod views;
