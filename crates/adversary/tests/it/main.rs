//! Whole sites in the simulated world: crashes, wiped disks, partitions, clients, intruders.

mod book;
mod campaigns;
mod case;
mod clients;
mod intruder;
mod model;
mod properties;
mod site;
