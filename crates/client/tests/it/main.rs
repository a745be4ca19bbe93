//! A client against four real replicas over real links, all in this process.

mod group;
mod outcomes;
