mod bounds;
mod checkpoints;
mod harness;
mod hostile;
mod state_transfer;
mod vouching;
