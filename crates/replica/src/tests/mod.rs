mod state_transfer;
mod vouching;
