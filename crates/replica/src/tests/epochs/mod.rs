//! Changes of the view in whole replicas.

mod change;
mod machine;
mod sleep;
mod world;
