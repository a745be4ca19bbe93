//! Rules 3 and 4: the questions of what came after an epoch, and the answers.

use maftia_membership::Certificate;
use maftia_protocol::{Step, Target};
use maftia_types::{Epoch, SiteId, Time};

use super::handover::epoch_of;
use super::passage::{CERTIFICATES_MAX, Passage};
use super::{ASK_FIRST, ASK_MAX, Epochs, PATIENCE};
use crate::message::Message;
use crate::replica::Replica;

impl Replica {
    /// Says what came after that epoch, as far as this site can prove it, or votes for it.
    pub(super) fn answer_ask(&self, to: SiteId, epoch: Epoch, step: &mut Step<Self>) {
        let Some(epochs) = &self.epochs else { return };
        let chain = self.views_after(epoch);
        if !chain.is_empty() {
            let message = Message::Passage(Passage::Chain(chain));
            return step.send(Target::One(to), message);
        }
        let Some((handing, seat)) = epochs
            .handing
            .as_ref()
            .and_then(|own| Some((own, own.seat?)))
        else {
            return;
        };
        let vote = handing.collector.vote(seat);
        if let Some(vote) = vote.filter(|vote| vote.statement.epoch == epoch.plus(1)) {
            let vote = *vote;
            let message = Message::Passage(Passage::Vote { seat, vote });
            step.send(Target::One(to), message);
        }
    }

    /// The certificates that lead on from the view of an epoch, in order: at most
    /// [`CERTIFICATES_MAX`]. None if there is no later view, or if this site does not keep them any
    /// more.
    pub fn views_after(&self, epoch: Epoch) -> Vec<Certificate> {
        let Some(epochs) = &self.epochs else {
            return Vec::new();
        };
        let mut later = epochs
            .chain
            .iter()
            .skip_while(|own| epoch_of(own) <= epoch)
            .peekable();
        let leads_on = later
            .peek()
            .is_some_and(|first| epoch_of(first) == epoch.plus(1));
        let chain = later.take(CERTIFICATES_MAX).filter(|_| leads_on);
        chain.cloned().collect()
    }

    /// Who asks what came after the epoch that this site is in may be further: it is told how far this
    /// site is, and sends what this one lacks of the epoch's blocks.
    pub(super) fn tell_asker(&mut self, now: Time, from: SiteId, step: &mut Step<Self>) {
        let due = |epochs: &&mut Epochs| epochs.tell_at <= now;
        let Some(epochs) = self.epochs.as_mut().filter(due) else {
            return;
        };
        epochs.tell_at = now + ASK_FIRST;
        self.greet(now, from, step);
    }

    /// A member has spoken of a later epoch.
    pub(crate) fn heard_later(&mut self, now: Time, from: SiteId) {
        let needed = self.one_correct();
        let Some(epochs) = &mut self.epochs else {
            return;
        };
        let member = from.index() < epochs.view.members().len();
        if !member {
            return;
        }
        epochs.later.insert(from);
        if epochs.later.len() >= needed && epochs.ask_at.is_none() {
            epochs.ask_soon(now + PATIENCE);
        }
    }

    /// Asks for certificates from that time on.
    pub(crate) fn ask_soon(&mut self, at: Time) {
        self.epochs
            .iter_mut()
            .for_each(|epochs| epochs.ask_soon(at));
    }

    /// Asks for what this site lacks of the views, when it is time.
    pub(crate) fn ask_due(&mut self, now: Time, step: &mut Step<Self>) {
        let Some(epochs) = &mut self.epochs else {
            return;
        };
        if epochs.ask_at.is_none_or(|at| at > now) {
            return;
        }
        epochs.ask_at = Some(now + epochs.pause);
        epochs.pause = epochs.pause.times(2).min(ASK_MAX);
        epochs.asked = true;
        let ask = Message::Passage(Passage::Ask {
            epoch: epochs.known(),
        });
        let handing = epochs.handing.is_some();
        step.send_now(Target::Others, ask.clone());
        // Those who have left vote too, and hear nothing that is for all.
        let all = self.universe().len();
        for leaver in SiteId::all(all).skip(self.audience()).filter(|_| handing) {
            step.send_now(Target::One(leaver), ask.clone());
        }
    }

    /// Asks a site with which there is a link now, so that one that slept, or was removed meanwhile,
    /// learns of that although nobody has anything to say to it.
    pub(crate) fn ask_once(&mut self, peer: SiteId, step: &mut Step<Self>) {
        if let Some(epochs) = &self.epochs {
            let epoch = epochs.known();
            step.send_now(Target::One(peer), Message::Passage(Passage::Ask { epoch }));
        }
    }
}

impl Epochs {
    /// Asks at that time, and then less and less often.
    pub(crate) fn ask_soon(&mut self, at: Time) {
        (self.pause, self.asked) = (ASK_FIRST, false);
        self.ask_at = Some(at);
    }

    pub(crate) fn next_timeout(&self) -> Option<Time> {
        [self.ask_at, self.leave_at].into_iter().flatten().min()
    }

    pub(super) fn ask_no_more(&mut self) {
        (self.ask_at, self.asked) = (None, false);
    }

    /// The last epoch whose view this site can show to be the group's.
    fn known(&self) -> Epoch {
        match &self.handing {
            Some(handing) => handing.collector.former().epoch(),
            None => self.view.epoch(),
        }
    }
}
