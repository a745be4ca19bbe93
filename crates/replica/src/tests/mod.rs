mod harness;
mod state_transfer;
mod vouching;
