//! The services in the simulated world, step by step, and against themselves weakened.

mod arena;
mod binary;
mod coins;
mod consistent;
mod keys;
mod lockstep;
mod reliable;
mod rounds;
mod vector;
