mod bounds;
mod checkpoints;
mod harness;
mod hostile;
mod keyed;
mod state_transfer;
mod suspicion;
mod vouching;
