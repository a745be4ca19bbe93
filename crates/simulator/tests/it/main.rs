//! The simulator against protocols that are right, wrong in known ways, and very small.

mod bracha;
mod bracha_world;
mod campaigns;
mod mechanics;
mod probe;
