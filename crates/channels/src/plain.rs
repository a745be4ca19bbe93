use std::collections::BTreeMap;

use maftia_types::SiteId;

/// How far back a message of a sender may be overtaken and still be told from a repetition.
const OVERTAKEN_MAX: u64 = 64;

/// Which best-effort messages have been delivered: the highest sequence of each sender, and which of
/// those just below.
#[derive(Default, Debug)]
pub(crate) struct Seen(BTreeMap<SiteId, (u64, u64)>);

impl Seen {
    /// Whether this message is news; it is not afterwards. One that was overtaken by too many is not.
    pub(crate) fn is_news(&mut self, sender: SiteId, sequence: u64) -> bool {
        let Some((highest, below)) = self.0.get_mut(&sender) else {
            self.0.insert(sender, (sequence, 1));
            return true;
        };
        if sequence > *highest {
            let by = sequence - *highest;
            *below = if by < OVERTAKEN_MAX {
                *below << by | 1
            } else {
                1
            };
            *highest = sequence;
            return true;
        }
        let back = *highest - sequence;
        if back >= OVERTAKEN_MAX || *below >> back & 1 == 1 {
            return false;
        }
        *below |= 1 << back;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b15_each_message_is_news_once_and_what_was_overtaken_by_too_many_never() {
        let site = SiteId::new(1).unwrap();
        let mut seen = Seen::default();
        for (sequence, news) in [
            (100, true),
            (100, false),
            (37, true),
            (36, false),
            (99, true),
            (99, false),
            (163, true),
            (100, false),
            (101, true),
            (u64::MAX, true),
            (163, false),
        ] {
            assert_eq!(seen.is_news(site, sequence), news, "{sequence}");
        }
        assert!(
            seen.is_news(SiteId::new(0).unwrap(), 0),
            "of another sender"
        );
    }
}
