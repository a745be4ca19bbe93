use maftia_types::Duration;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Links and their one-way delays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Network {
    /// One room: every link takes [`LAN_DELAY`].
    Lan,
    /// Three continents, sites on each in turn, delays by [`WAN_MS`] and up to a tenth longer.
    Wan,
}

pub(super) const LAN_DELAY: Duration = Duration::from_micros(50);

/// Milliseconds one way between and within Europe, the east of America and the east of Asia. Our own
/// choice: about half the round trips that one sees between cloud regions there.
const WAN_MS: [[u64; 3]; 3] = [[5, 40, 115], [40, 5, 80], [115, 80, 5]];

/// Draws delays; equal seeds, equal delays.
pub(super) struct Links {
    network: Network,
    rng: ChaCha8Rng,
}

impl Links {
    pub(super) fn new(network: Network, seed: u64) -> Self {
        Self {
            network,
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    pub(super) fn delay(&mut self, from: usize, to: usize) -> Duration {
        match self.network {
            Network::Lan => LAN_DELAY,
            Network::Wan => {
                let ms = WAN_MS[from % 3][to % 3];
                Duration::from_micros(ms * 1_000 + self.rng.random_range(0..=ms * 100))
            }
        }
    }
}
