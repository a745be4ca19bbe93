mod bounds;
mod checkpoints;
mod harness;
mod hostile;
mod keyed;
mod proofs;
mod state_transfer;
mod vouching;
