/// Lengths that decoders get wrong.
const LENGTHS: [u32; 8] = [
    0,
    1,
    0xff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    u32::MAX,
];
/// Most changes to one input.
const CHANGES_MAX: u64 = 4;
/// Most bytes inserted at once.
const INSERTED_MAX: u64 = 64;

/// Changes inputs, the same way for the same seed.
pub struct Mutator(u64);

impl Mutator {
    /// One that draws from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of `seeds`, changed in a few places.
    pub fn mutated(&mut self, seeds: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let mut bytes = self.one_of(seeds);
        for _ in 0..=self.below(CHANGES_MAX) {
            self.change(&mut bytes, seeds);
        }
        bytes
    }

    /// Up to `length_max` random bytes.
    pub fn noise(&mut self, length_max: u64) -> Vec<u8> {
        (0..self.below(length_max)).map(|_| self.byte()).collect()
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[impl AsRef<[u8]>]) {
        let at = self.place(bytes.len());
        match self.below(7) {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => {
                let value = self.byte();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            2 => bytes.truncate(at),
            3 => {
                let inserted = self.noise(INSERTED_MAX);
                bytes.splice(at..at, inserted);
            }
            4 => {
                let end = at + self.place(bytes.len() - at);
                bytes.drain(at..end);
            }
            5 => {
                let choice = self.place(LENGTHS.len() - 1);
                let length = LENGTHS.get(choice).copied().unwrap_or_default();
                let end = bytes.len().min(at + 4);
                bytes.splice(at..end, length.to_le_bytes());
            }
            _ => {
                let other = self.one_of(seeds);
                let from = self.place(other.len());
                bytes.truncate(at);
                bytes.extend(other.iter().skip(from));
            }
        }
    }

    fn one_of(&mut self, seeds: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let choice = self.place(seeds.len().saturating_sub(1));
        seeds
            .get(choice)
            .map_or(Vec::new(), |seed| seed.as_ref().to_vec())
    }

    /// A place in something of this length, its end included.
    fn place(&mut self, length: usize) -> usize {
        let place = self.below(length as u64 + 1);
        usize::try_from(place).unwrap_or(length)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
