//! What is asked of single sites, each of which answers for itself.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_types::{Duration, SiteId, SiteSet, Time};
use tokio::sync::oneshot;

/// Questions for sites' status or proofs under way at once.
const QUESTIONS_MAX: usize = 64;
/// How long sites have to answer a question.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// What each site has answered, by its index.
pub(crate) type Answers = Vec<Option<Bytes>>;

/// The questions under way.
pub(crate) struct Questions {
    open: BTreeMap<u64, Question>,
    latest: u64,
    sites: usize,
}

struct Question {
    answers: Answers,
    waiting: SiteSet,
    deadline: Time,
    reply: oneshot::Sender<Answers>,
}

impl Questions {
    pub(crate) const fn new(sites: usize) -> Self {
        Self {
            open: BTreeMap::new(),
            latest: 0,
            sites,
        }
    }

    /// A number for the next question.
    pub(crate) const fn number(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }

    /// These sites have been asked.
    pub(crate) fn open(
        &mut self,
        now: Time,
        number: u64,
        asked: SiteSet,
        reply: oneshot::Sender<Answers>,
    ) {
        if self.open.len() >= QUESTIONS_MAX {
            // The oldest has had the longest time for its answers.
            let oldest = self.open.pop_first();
            oldest.into_iter().for_each(|(_, question)| question.end());
        }
        let question = Question {
            answers: vec![None; self.sites],
            waiting: asked,
            deadline: now + ANSWER_WAIT,
            reply,
        };
        self.open.insert(number, question);
        self.end_answered();
    }

    /// A site answers, if it was asked and has not done so.
    pub(crate) fn answer(&mut self, site: SiteId, number: u64, answer: Option<Bytes>) {
        if let Some(question) = self.open.get_mut(&number)
            && question.waiting.contains(site)
            && let Some(place) = question.answers.get_mut(site.index())
        {
            *place = answer;
            question.waiting.remove(site);
            self.end_answered();
        }
    }

    /// No answer comes from this site any more.
    pub(crate) fn lost(&mut self, site: SiteId) {
        for question in self.open.values_mut() {
            question.waiting.remove(site);
        }
        self.end_answered();
    }

    pub(crate) fn on_time(&mut self, now: Time) {
        let late = self.open.extract_if(.., |_, own| own.deadline <= now);
        late.for_each(|(_, question)| question.end());
    }

    pub(crate) fn next_timeout(&self) -> Option<Time> {
        self.open.values().map(|question| question.deadline).min()
    }

    fn end_answered(&mut self) {
        let done = self.open.extract_if(.., |_, own| own.waiting.is_empty());
        done.for_each(|(_, question)| question.end());
    }
}

impl Question {
    fn end(self) {
        // Whoever asked may have gone.
        let _ = self.reply.send(self.answers);
    }
}
