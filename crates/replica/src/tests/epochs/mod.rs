//! Changes of the view in whole replicas.

mod abort;
mod change;
mod client;
mod coin;
mod hostile;
mod keyed;
mod machine;
mod restart;
mod sleep;
mod tampered;
mod world;
