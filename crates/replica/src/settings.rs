use maftia_types::CoinUse;

use crate::limits::Limits;

/// What the replica is built with besides the engine's parameters.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Bounds of the ordered state.
    pub limits: Limits,
    /// When a coin names leaders, as the group's file says.
    pub coin: CoinUse,
    /// Write an image, so that the log can be cut, after this many bytes of log. Local.
    pub image_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            coin: CoinUse::Never,
            image_bytes: 128 * 1024 * 1024,
        }
    }
}
