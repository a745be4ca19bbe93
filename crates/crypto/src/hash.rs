use maftia_types::Digest;

/// What a digest or a signature is for. Each purpose has one constant of its own, so that bytes
/// made for one can never be taken for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Domain(&'static str);

impl Domain {
    /// A domain; `name` is unique in the suite.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// BLAKE3 of `bytes` under this domain.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }
}

/// Incremental BLAKE3 under a [`Domain`]. Input: `"maftia/1 " ‖ domain ‖ 0x00 ‖ bytes`.
#[derive(Clone, Debug)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Starts a digest.
    pub fn new(domain: Domain) -> Self {
        let mut inner = blake3::Hasher::new();
        inner.update(b"maftia/1 ");
        inner.update(domain.0.as_bytes());
        inner.update(&[0]);
        Self(inner)
    }

    /// Adds bytes. Fields of variable length must carry their length themselves.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// Adds a number.
    pub fn number(&mut self, value: u64) -> &mut Self {
        self.update(&value.to_le_bytes())
    }

    /// The digest of everything added.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }

    /// An unbounded stream of numbers determined by everything added.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        let mut stream = self.0.finalize_xof();
        std::iter::repeat_with(move || {
            let mut word = [0; 8];
            stream.fill(&mut word);
            u64::from_le_bytes(word)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_separate() {
        assert_ne!(
            Domain::new("a").digest(b"bc"),
            Domain::new("ab").digest(b"c")
        );
        assert_ne!(Domain::new("a").digest(b""), Domain::new("b").digest(b""));
    }

    #[test]
    fn agrees_with_blake3_of_the_documented_input() {
        let expected = blake3::hash(b"maftia/1 x\0body");
        assert_eq!(
            Domain::new("x").digest(b"body").as_bytes(),
            expected.as_bytes()
        );
    }
}
