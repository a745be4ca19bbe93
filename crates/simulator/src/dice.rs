use maftia_types::{Duration, SiteId, Time};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// All chance of a run: a seeded ChaCha8 stream. The same seed and stream give the same throws on
/// every machine.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

/// Independent streams of one seed, so that one more throw in one part leaves the others alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    World = 1,
    Adversary = 2,
    Environment = 3,
}

impl Dice {
    /// The stream from which a scenario draws its set-up: links, plan, corrupted sites. The world
    /// draws from other streams of the seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn stream(seed: u64, stream: Stream) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream as u64);
        Self(generator)
    }

    /// A number of `low..=high`; `low` if the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        self.0.random_range(low..=high)
    }

    /// An index below `len`, 0 for `len` 0.
    pub fn below(&mut self, len: usize) -> usize {
        if len < 2 {
            return 0;
        }
        self.0.random_range(0..len)
    }

    /// A span of `low..=high`.
    pub fn span(&mut self, low: Duration, high: Duration) -> Duration {
        Duration::from_nanos(self.between(low.as_nanos(), high.as_nanos()))
    }

    /// A point of `low..=high`.
    pub fn time(&mut self, low: Time, high: Time) -> Time {
        Time::from_nanos(self.between(low.as_nanos(), high.as_nanos()))
    }

    /// True in `per_mille` of 1000 throws; costs no throw when the answer is certain.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        match per_mille {
            0 => false,
            1..1000 => self.0.random_range(0..1000) < per_mille,
            _ => true,
        }
    }

    /// One of `items`, none of an empty slice.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.choose(&mut self.0)
    }

    /// Any of the first `n` sites.
    pub fn site(&mut self, n: usize) -> SiteId {
        let index = self.below(n);
        SiteId::all(n)
            .nth(index)
            .expect("a group has at least one site")
    }

    /// The generator itself, for making keys and the like.
    pub fn generator(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let draw = |mut dice: Dice| dice.between(0, u64::MAX);
        let world = draw(Dice::stream(7, Stream::World));
        assert_eq!(world, draw(Dice::stream(7, Stream::World)));
        assert_ne!(world, draw(Dice::stream(7, Stream::Adversary)));
        assert_ne!(world, draw(Dice::new(7)));
    }

    #[test]
    fn chance_is_certain_at_its_ends() {
        let mut dice = Dice::new(1);
        assert!((0..1000).all(|_| !dice.chance(0) && dice.chance(1000)));
        assert!((0..1000).any(|_| dice.chance(500)));
    }
}
