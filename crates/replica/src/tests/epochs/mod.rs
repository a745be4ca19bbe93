//! Changes of the view in whole replicas.

mod change;
mod world;
