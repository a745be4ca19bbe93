mod bounds;
mod checkpoints;
mod state_transfer;
mod vouching;
