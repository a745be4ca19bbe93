mod bounds;
mod checkpoints;
mod epochs;
mod harness;
mod hostile;
mod keyed;
mod state_transfer;
mod vouching;
