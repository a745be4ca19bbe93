use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_multipoint::Class;
use maftia_replica::{ClientMessage, Wanted};
use maftia_types::{Digest, Duration, SiteId, SiteSet, Time};
use tokio::sync::oneshot;

use crate::driver::Driver;

/// Questions to sites under way at once.
const QUESTIONS_MAX: usize = 64;
/// How long sites have to answer them.
const STATUS_WAIT: Duration = Duration::from_secs(1);

/// What sites are asked, each for its own word.
#[derive(Clone, Debug)]
pub(crate) enum Inquiry {
    /// For a proof in the ordered state.
    Evidence(Digest),
    /// One site, for a piece of a signed state.
    Lend(SiteId, Wanted),
    /// One site, for a proof of what the state says about a question.
    Prove(SiteId, Bytes),
    /// How it sees the group.
    Status,
}

impl Inquiry {
    pub(crate) fn numbered(self, nonce: u64) -> ClientMessage {
        match self {
            Self::Evidence(id) => ClientMessage::Evidence { nonce, id },
            Self::Lend(_, wanted) => ClientMessage::Lend { nonce, wanted },
            Self::Prove(_, question) => ClientMessage::Prove { nonce, question },
            Self::Status => ClientMessage::Status { nonce },
        }
    }

    /// Whether it is for that site.
    fn is_for(&self, site: SiteId) -> bool {
        match self {
            Self::Evidence(_) | Self::Status => true,
            Self::Lend(asked, _) | Self::Prove(asked, _) => *asked == site,
        }
    }
}

/// A question under way.
#[derive(Debug)]
pub(crate) struct Question {
    answers: Vec<Option<Bytes>>,
    pub(crate) waiting: SiteSet,
    pub(crate) deadline: Time,
    reply: oneshot::Sender<Vec<Option<Bytes>>>,
}

impl Driver {
    /// Asks the sites that it is for, as far as there are links to them.
    pub(crate) fn ask(
        &mut self,
        now: Time,
        what: Inquiry,
        reply: oneshot::Sender<Vec<Option<Bytes>>>,
    ) {
        self.nonce += 1;
        if self.questions.len() >= QUESTIONS_MAX {
            // The oldest has had the longest time for its answers.
            let oldest = self.questions.pop_first();
            oldest
                .into_iter()
                .for_each(|(_, question)| question.answer());
        }
        let nonce = self.nonce;
        let sites = self.links.sites().iter().filter(|site| what.is_for(*site));
        let sites: SiteSet = sites.collect();
        let message = what.numbered(nonce).to_bytes();
        let mut waiting = SiteSet::EMPTY;
        for site in sites.iter() {
            if self
                .network
                .send(site, Class::Control, message.clone())
                .is_ok()
            {
                waiting.insert(site);
            }
        }
        let question = Question {
            answers: vec![None; self.sites],
            waiting,
            deadline: now + STATUS_WAIT,
            reply,
        };
        self.questions.insert(nonce, question);
        self.answer_questions(|_| {});
    }

    /// Changes the questions under way, and answers those for which nobody is awaited any more.
    pub(crate) fn answer_questions(&mut self, change: impl Fn(&mut Question)) {
        self.questions.values_mut().for_each(change);
        let done = self.questions.extract_if(.., |_, q| q.waiting.is_empty());
        done.for_each(|(_, question)| question.answer());
    }

    /// Answers them with what has been said so far.
    pub(crate) fn give_up_questions(&mut self) {
        self.answer_questions(|question| question.waiting = SiteSet::EMPTY);
    }

    /// A site's answer, if it has been asked.
    pub(crate) fn on_answer(&mut self, site: SiteId, nonce: u64, said: Bytes) {
        if let Some(asked) = self.questions.get_mut(&nonce)
            && asked.waiting.contains(site)
            && let Some(answer) = asked.answers.get_mut(site.index())
        {
            *answer = Some(said);
            asked.waiting.remove(site);
            self.answer_questions(|_| {});
        }
    }

    /// Answers the questions whose time is up.
    pub(crate) fn end_late_questions(&mut self, now: Time) {
        let late = self.questions.extract_if(.., |_, q| q.deadline <= now);
        late.for_each(|(_, question)| question.answer());
    }
}

impl Question {
    fn answer(self) {
        // Whoever asked may have gone.
        let _ = self.reply.send(self.answers);
    }
}
