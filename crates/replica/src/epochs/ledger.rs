//! What the ordered state does about a change of the view.

use maftia_activity::keys::Ordered;
use maftia_activity::replication::{NextCommittee, SiteContext, StateMachine};
use maftia_crypto::PublicKey;
use maftia_membership::{Membership, Next};
use maftia_ordering::Commit;
use maftia_protocol::planted;
use maftia_types::{CoinUse, Digest, Epoch, SiteId, SiteSet};

use super::Beginning;
use super::word::{Saying, Word};
use crate::ledger::Ledger;
use crate::vouches::Vouches;

impl Ledger {
    /// The ordered state of membership.
    pub(crate) const fn membership(&self) -> Option<&Membership> {
        self.membership.as_ref()
    }

    /// What the group's file says and the state does not: the clients, and when a coin is used.
    pub(crate) fn read_file(&mut self, beginning: Option<&Beginning>, coin: CoinUse) {
        if let Some(beginning) = beginning {
            self.clients.clone_from(&beginning.clients);
        }
        self.coin = coin;
    }

    /// Whether a joiner of the change under way has signed that word. `config` is what blocks of
    /// the present epoch carry.
    pub(crate) fn is_joiners(&self, word: &Word, config: &Digest) -> bool {
        let key = self.key_of_joiner(word);
        key.is_some_and(|key| word.verify(config, &key).is_ok())
    }

    fn key_of_joiner(&self, word: &Word) -> Option<PublicKey> {
        let state = self.membership.as_ref()?;
        let meant = state.pending()?.proposal == word.proposal;
        let joins = meant && state.joiners().contains(word.joiner);
        let member = state.member(word.joiner).filter(|_| joins);
        member.map(|member| member.key)
    }

    /// A joiner's word, in a member's block.
    pub(crate) fn hear(&mut self, machine: &mut dyn StateMachine, commit: &Commit, word: &Word) {
        let Some(config) = self.membership.as_ref().map(Membership::config) else {
            return;
        };
        if !self.is_joiners(word, &config) {
            return;
        }
        match &word.saying {
            Saying::Ready => {
                let news = self
                    .membership
                    .as_mut()
                    .map(|state| state.ready(word.joiner));
                debug_assert!(news.is_some(), "a joiner joins something");
            }
            Saying::Contribution(bytes) => {
                let context = SiteContext {
                    site: word.joiner,
                    commit: commit.index,
                    commit_time_ms: commit.time_ms,
                };
                machine.contribute(&context, bytes);
            }
        }
    }

    /// Whether f+1 members hold the certificate of the present view, and so one that is correct. A
    /// chain with a gap leads nobody on: before that no further change is prepared. Who has to vote
    /// for the certificate may be behind, and is helped until then.
    pub(crate) fn is_certified(&self) -> bool {
        let state = self.membership.as_ref();
        let first = state.is_none_or(|state| state.view().epoch() == Epoch(0));
        first
            || self.certified.len() >= self.needed
            || planted("next change before the certificate")
    }

    /// At the end of a commit: gives up a change that takes too long, begins a renewal if the group
    /// has a coin that no epoch began with, prepares a change whose joiners are there. True if the epoch ends here.
    pub(crate) fn drive_change(&mut self, machine: &mut dyn StateMachine, commit: &Commit) -> bool {
        let certified = self.is_certified();
        let Some(state) = &mut self.membership else {
            return false;
        };
        if planted("joiner counts before it is ready") {
            let joiners = state.joiners();
            joiners.iter().for_each(|joiner| {
                state.ready(joiner);
            });
        }
        if state.tick(commit.index, commit.time_ms).is_some() && self.preparing {
            machine.abandon();
            self.preparing = false;
        }
        if self.coin.needs_key() && machine.keys().is_some_and(Ordered::has_idle_coin) {
            state.renew(commit.time_ms);
        }
        if let Some(next) = state
            .next_committee()
            .filter(|_| certified && !self.preparing)
        {
            let committee = committee(next);
            match machine.prepare(&committee, commit.index, commit.time_ms) {
                Ok(()) => self.preparing = true,
                Err(_) => {
                    state.give_up(commit.index, commit.time_ms);
                }
            }
        }
        self.preparing && machine.is_prepared()
    }

    /// The epoch ends with this commit. What was vouched for by seats of the former view is
    /// forgotten: clients ask again.
    ///
    /// # Panics
    /// Unless [`Ledger::drive_change`] has just said so.
    pub(crate) fn end_epoch(&mut self, machine: &mut dyn StateMachine, commit: &Commit) -> Next {
        let state = self.membership.as_mut();
        let state = state.expect("only a group with views ends an epoch");
        let next = state.end_epoch(commit.index, commit.time_ms, commit.digest);
        self.needed = state.view().resilience().one_correct();
        machine.enter();
        self.preparing = false;
        self.certified = SiteSet::EMPTY;
        if !planted("vouches of the former view count") {
            self.vouches = Vouches::default();
        }
        // Proofs are kept by key; accusations are of seats.
        self.conduct.forget_accusations();
        next
    }
}

fn committee(next: &Next) -> NextCommittee {
    let members = if planted("shares are not translated") {
        SiteId::all(next.members.len()).collect()
    } else {
        next.members.clone()
    };
    NextCommittee {
        epoch: next.view.epoch(),
        resilience: next.view.resilience(),
        joiners: next.joiners.iter().map(|member| member.key).collect(),
        members,
    }
}
