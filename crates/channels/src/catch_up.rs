use std::collections::BTreeMap;

use maftia_codec::Bytes;
use maftia_protocol::planted;
use maftia_types::{Duration, SiteId, SiteSet, Time};

/// Delivered messages of a sender that are kept for members that are behind: several windows.
pub const KEPT_MAX: usize = 128;

/// Bytes of them.
pub const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// Messages of a sender that are told at a time.
pub const TOLD_MAX: u64 = 16;

/// How often a member that is behind asks, and is answered about one sender: longer than a round trip.
pub const ASK_EVERY: Duration = Duration::from_millis(100);

/// Help for members that are behind, and by them (rules 4 to 6), about one sender's messages.
#[derive(Default, Debug)]
pub(crate) struct CatchUp {
    /// Delivered here.
    kept: BTreeMap<u64, Bytes>,
    bytes: usize,
    /// What is before was kept once, or in an earlier life, and is no more.
    gone: u64,
    /// Who has spoken of runs beyond the window since the last message was delivered.
    ahead: SiteSet,
    /// When to ask again.
    due: Option<Time>,
    told: BTreeMap<u64, BTreeMap<SiteId, Bytes>>,
    forgotten: BTreeMap<SiteId, u64>,
    /// When each was answered last.
    answered: BTreeMap<SiteId, Time>,
}

/// What is answered to a member that asks.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Forgotten(u64),
    Told(Vec<(u64, Bytes)>),
}

impl CatchUp {
    /// A message was delivered here.
    pub(crate) fn keep(&mut self, sequence: u64, frame: Bytes) {
        self.bytes += frame.len();
        self.kept.insert(sequence, frame);
        while self.kept.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX {
            let Some((sequence, oldest)) = self.kept.pop_first() else {
                return;
            };
            self.bytes -= oldest.len();
            self.forget_before(sequence + 1);
        }
    }

    /// What is before was never kept here, or is no longer.
    pub(crate) fn forget_before(&mut self, sequence: u64) {
        self.gone = self.gone.max(sequence);
    }

    /// All before this one are delivered.
    pub(crate) fn advance(&mut self, next: u64) {
        self.ahead = SiteSet::EMPTY;
        self.told = self.told.split_off(&next);
        self.forgotten.retain(|_, oldest| *oldest > next);
    }

    /// A member has spoken of a run beyond the window. Whether to ask (rule 4).
    pub(crate) fn is_ahead(&mut self, now: Time, member: SiteId, one_correct: usize) -> bool {
        self.ahead.insert(member);
        self.asks(now, one_correct)
    }

    /// Whether to ask, again perhaps.
    pub(crate) fn asks(&mut self, now: Time, one_correct: usize) -> bool {
        if self.ahead.len() < one_correct {
            self.due = None;
            return false;
        }
        if self.due.is_some_and(|due| now < due) {
            return false;
        }
        self.due = Some(now + ASK_EVERY);
        true
    }

    /// When to look whether to ask again.
    pub(crate) const fn next_timeout(&self) -> Option<Time> {
        self.due
    }

    /// What to answer a member that asks for messages from one on, once in a while. All before `next`
    /// are delivered here: of what is not, nobody can say that it is gone.
    pub(crate) fn answer(
        &mut self,
        now: Time,
        to: SiteId,
        (from, next): (u64, u64),
    ) -> Option<Answer> {
        if planted("no help for members behind") {
            return None;
        }
        let last = self.answered.get(&to);
        if last.is_some_and(|last| now < *last + ASK_EVERY) {
            return None;
        }
        let gone = self.gone.min(next);
        if from >= gone && self.kept.is_empty() {
            return None;
        }
        self.answered.insert(to, now);
        if from < gone {
            return Some(Answer::Forgotten(gone));
        }
        let told = self.kept.range(from..).zip(from..);
        let last = from.saturating_add(TOLD_MAX);
        let told = told.take_while(|((sequence, _), turn)| *sequence == turn && *turn < last);
        let told: Vec<_> = told
            .map(|((sequence, frame), _)| (*sequence, frame.clone()))
            .collect();
        (!told.is_empty()).then_some(Answer::Told(told))
    }

    /// A member says what a message was. What it was, once f + 1 say the same (rule 5).
    pub(crate) fn hear(
        &mut self,
        (next, sequence): (u64, u64),
        (from, frame): (SiteId, Bytes),
        one_correct: usize,
    ) -> Option<Bytes> {
        // Only what was asked for is kept.
        let wanted = sequence >= next && sequence - next < TOLD_MAX;
        if self.ahead.is_empty() || !wanted {
            return None;
        }
        let told = self.told.entry(sequence).or_default();
        told.entry(from).or_insert_with(|| frame.clone());
        let alike = told.values().filter(|own| **own == frame).count();
        let enough = one_correct - usize::from(planted("one word is enough"));
        (alike >= enough).then_some(frame)
    }

    /// A member no longer keeps what is before. Where to go on, once f + 1 say so (rule 6).
    pub(crate) fn lose(
        &mut self,
        next: u64,
        (from, oldest): (SiteId, u64),
        one_correct: usize,
    ) -> Option<u64> {
        if self.ahead.is_empty() || oldest <= next {
            return None;
        }
        self.forgotten.insert(from, oldest);
        let mut all: Vec<u64> = self.forgotten.values().copied().collect();
        all.sort_unstable_by(|one, other| other.cmp(one));
        // So many say this or more: a correct one among them.
        all.into_iter().nth(one_correct.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(index: u8) -> SiteId {
        SiteId::new(index).unwrap()
    }

    fn behind() -> CatchUp {
        let mut own = CatchUp::default();
        assert!(!own.is_ahead(Time::ZERO, site(1), 2));
        assert!(own.is_ahead(Time::ZERO, site(2), 2));
        own
    }

    #[test]
    fn b4_a_member_asks_when_one_more_than_f_are_ahead_and_not_too_often() {
        let mut own = behind();
        assert!(!own.is_ahead(Time::ZERO, site(3), 2));
        assert!(own.asks(Time::ZERO + ASK_EVERY, 2));
        own.advance(1);
        assert!(!own.asks(Time::ZERO + ASK_EVERY + ASK_EVERY, 2));
        assert_eq!(own.next_timeout(), None);
    }

    #[test]
    fn b16_f_members_make_up_no_message_and_change_none() {
        let mut own = behind();
        let word = |frame: &'static [u8]| Bytes::from_static(frame);
        assert_eq!(own.hear((5, 5), (site(1), word(b"lie")), 2), None);
        assert_eq!(own.hear((5, 5), (site(1), word(b"lie")), 2), None);
        assert_eq!(own.hear((5, 5), (site(2), word(b"true")), 2), None);
        let heard = own.hear((5, 5), (site(3), word(b"true")), 2);
        assert_eq!(heard, Some(word(b"true")));
    }

    #[test]
    fn b18_words_that_nobody_asked_for_are_not_kept() {
        let mut own = CatchUp::default();
        assert_eq!(own.hear((0, 0), (site(1), Bytes::new()), 1), None);
        let mut own = behind();
        for sequence in [4, 5 + TOLD_MAX, u64::MAX] {
            assert_eq!(own.hear((5, sequence), (site(1), Bytes::new()), 1), None);
        }
        assert!(own.told.is_empty());
        assert!(
            own.hear((5, 4 + TOLD_MAX), (site(1), Bytes::new()), 1)
                .is_some()
        );
    }

    #[test]
    fn one_more_than_f_must_say_that_messages_are_gone() {
        let mut own = behind();
        assert_eq!(own.lose(5, (site(1), u64::MAX), 2), None);
        assert_eq!(own.lose(5, (site(2), 5), 2), None);
        assert_eq!(own.lose(5, (site(2), 9), 2), Some(9));
    }

    #[test]
    fn the_latest_messages_are_kept_and_told_in_turn() {
        let mut own = CatchUp::default();
        for sequence in 0..KEPT_MAX as u64 + 1 {
            own.keep(sequence, Bytes::from_static(b"x"));
        }
        own.keep(KEPT_MAX as u64 + 2, Bytes::from_static(b"x"));
        let mut now = Time::ZERO;
        let mut answer = |from| {
            now += ASK_EVERY;
            own.answer(now, site(1), (from, KEPT_MAX as u64 + 1))
        };
        assert_eq!(answer(1), Some(Answer::Forgotten(2)));
        let Some(Answer::Told(told)) = answer(2) else {
            panic!("nothing told");
        };
        assert_eq!((told.len() as u64, told[0].0), (TOLD_MAX, 2));
        let Some(Answer::Told(told)) = answer(KEPT_MAX as u64) else {
            panic!("nothing told");
        };
        assert_eq!(told.len(), 1, "not beyond a gap");
        assert_eq!(own.answer(now, site(1), (2, 3)), None, "too soon");
        own.keep(1000, vec![0; KEPT_BYTES_MAX].into());
        assert_eq!(own.kept.len(), 1);
    }

    #[test]
    fn b1_what_was_not_delivered_yet_is_not_said_to_be_gone() {
        let mut own = CatchUp::default();
        own.keep(5, Bytes::from_static(b"out of turn"));
        assert_eq!(own.answer(Time::ZERO, site(1), (0, 0)), None);
        own.keep(6, vec![0; KEPT_BYTES_MAX].into());
        let later = Time::ZERO + ASK_EVERY;
        assert_eq!(
            own.answer(later, site(1), (0, 0)),
            None,
            "5 is gone, 0 is not"
        );
        own.forget_before(3);
        let later = later + ASK_EVERY;
        let answer = own.answer(later, site(1), (0, 3));
        assert_eq!(answer, Some(Answer::Forgotten(3)));
    }
}
