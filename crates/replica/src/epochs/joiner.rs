//! Rule 1: a joiner's words, on its own side and on a member's.

use bytes::Bytes;
use maftia_codec::{Wire, Writer};
use maftia_protocol::{Step, Target};
use maftia_types::{Duration, SiteId, Time};

use super::passage::Passage;
use super::word::{Saying, WORD_BYTES_MAX, WORDS_PER_COMMIT_MAX, Word};
use crate::item::Item;
use crate::message::Message;
use crate::replica::Replica;

/// Pause before READY is said again.
const READY_AGAIN: Duration = Duration::from_millis(500);

impl Replica {
    /// The proposal that makes this site a joiner, if one does.
    pub(crate) fn joining(&self) -> Option<u64> {
        // On the way of every event: members are told apart first.
        if self.engine.me().index() < self.keys.len() {
            return None;
        }
        let state = self.membership()?;
        let joins = state.joiners().contains(self.me());
        state.pending().filter(|_| joins).map(|own| own.proposal)
    }

    /// Says READY once the log is followed, until that is ordered. Gives when to say it again.
    pub(crate) fn say_ready(&mut self, now: Time, step: &mut Step<Self>) {
        let (Some(_), Some(at)) = (self.joining(), self.ready_due()) else {
            return;
        };
        if at > now {
            return;
        }
        if let Some(epochs) = &mut self.epochs {
            epochs.ready_at = now + READY_AGAIN;
        }
        if self.fetch.is_none() && self.engine.is_abreast() {
            self.say(Saying::Ready, step);
        }
    }

    /// When this site, as a joiner, has to say READY; never once it was heard.
    pub(crate) fn ready_due(&self) -> Option<Time> {
        self.joining()?;
        let state = self.membership()?;
        let heard = state.pending()?.ready.contains(self.me());
        self.epochs
            .as_ref()
            .filter(|_| !heard)
            .map(|epochs| epochs.ready_at)
    }

    /// A contribution of this site's half of the keyed services, which makes no blocks.
    pub(crate) fn say_contribution(&mut self, bytes: Bytes, step: &mut Step<Self>) {
        // A joiner deals nothing; longer ones would be somebody else's business.
        if bytes.len() <= WORD_BYTES_MAX {
            self.say(Saying::Contribution(bytes), step);
        }
    }

    fn say(&self, saying: Saying, step: &mut Step<Self>) {
        let Some(proposal) = self.joining() else {
            return;
        };
        let config = self.engine.parameters().config;
        let word = Word::sign((self.me(), proposal), saying, &config, self.engine.key());
        let passage = Passage::Word(Box::new(word));
        step.send(Target::Others, Message::Passage(passage));
    }

    /// As a member: puts a joiner's word into an own block.
    pub(crate) fn on_word(&mut self, now: Time, from: SiteId, word: &Word) {
        let config = self.engine.parameters().config;
        let known = self.ledger.is_joiners(word, &config);
        let Some(epochs) = self
            .epochs
            .as_mut()
            .filter(|_| known && word.joiner == from)
        else {
            return;
        };
        if epochs.words >= WORDS_PER_COMMIT_MAX {
            return;
        }
        epochs.words += 1;
        let mut writer = Writer::new();
        Item::Word(Box::new(word.clone())).encode(&mut writer);
        // Without room it is said again.
        if self.engine.submit(writer.as_slice()).is_ok() {
            self.engine.wake(now);
        }
    }
}
