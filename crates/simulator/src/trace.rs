use std::fmt::{self, Write};

use maftia_types::{SiteId, Time};

/// A running 64-bit hash of everything that happens, and, when asked for, a log for people.
///
/// Two runs of one seed that differ anywhere differ here. The hash guards against accidents
/// (iteration of a hash table, a clock that leaked in), not against anybody.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

/// What happened, as folded into the hash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Boot = 1,
    Command,
    Crash,
    Cut,
    Deliver,
    Heal,
    Output,
    Pause,
    Record,
    Resume,
    Sync,
    Timeout,
    Wipe,
}

impl Trace {
    pub(crate) fn new(seed: u64, keep_log: bool) -> Self {
        Self {
            hash: mix(0, seed),
            lines: keep_log.then(Vec::new),
        }
    }

    pub(crate) fn fold(&mut self, now: Time, kind: Kind, site: Option<SiteId>, content: u64) {
        let place = site.map_or(u64::from(u8::MAX), |site| u64::from(site.as_u8()));
        let what = (kind as u64) << 8 | place;
        self.hash = mix(mix(mix(self.hash, now.as_nanos()), what), content);
    }

    pub(crate) fn line(&mut self, now: Time, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{now:?} {}", text()));
        }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// A fingerprint of bytes, for [`Subject::fingerprint`](crate::Subject::fingerprint).
pub fn fingerprint_of_bytes(bytes: &[u8]) -> u64 {
    let mut hasher = Hasher(bytes.len() as u64);
    hasher.write(bytes);
    hasher.0
}

/// A fingerprint of what `Debug` prints: a microsecond or so, good enough for small messages.
pub fn fingerprint_of_debug(value: &impl fmt::Debug) -> u64 {
    let mut hasher = Hasher(0);
    write!(hasher, "{value:?}").expect("hashing text cannot fail");
    hasher.0
}

struct Hasher(u64);

impl Hasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut()
                .zip(chunk)
                .for_each(|(to, from)| *to = *from);
            self.0 = mix(self.0, u64::from_le_bytes(word));
        }
    }
}

impl Write for Hasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text.as_bytes());
        Ok(())
    }
}

/// One round of `SplitMix64` over the sum: cheap, and every input bit reaches every output bit.
const fn mix(hash: u64, word: u64) -> u64 {
    let mut z = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_event_reaches_the_hash() {
        let site = SiteId::new(1);
        let of = |now, kind, site, content| {
            let mut trace = Trace::new(1, false);
            trace.fold(Time::from_nanos(now), kind, site, content);
            trace.hash()
        };
        let base = of(1, Kind::Deliver, site, 9);
        assert_eq!(base, of(1, Kind::Deliver, site, 9));
        assert_ne!(base, of(2, Kind::Deliver, site, 9));
        assert_ne!(base, of(1, Kind::Output, site, 9));
        assert_ne!(base, of(1, Kind::Deliver, None, 9));
        assert_ne!(base, of(1, Kind::Deliver, site, 8));
    }

    #[test]
    fn fingerprints_tell_apart_length_and_content() {
        assert_ne!(fingerprint_of_bytes(b"a"), fingerprint_of_bytes(b"a\0"));
        assert_ne!(
            fingerprint_of_debug(&(1, 23)),
            fingerprint_of_debug(&(12, 3))
        );
    }
}
