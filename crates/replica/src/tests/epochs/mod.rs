//! Changes of the view in whole replicas.

mod abort;
mod change;
mod hostile;
mod keyed;
mod machine;
mod restart;
mod sleep;
mod world;
