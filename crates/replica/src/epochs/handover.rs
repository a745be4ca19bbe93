//! Rules 3 and 4: how the sites of an epoch say who comes next, and how others learn it.

use std::collections::VecDeque;

use maftia_codec::{Wire, Writer};
use maftia_membership::handover::Misbehaviour::WrongVote;
use maftia_membership::handover::{Collector, Vote};
use maftia_membership::{Certificate, Membership, View, follow};
use maftia_protocol::{Step, Target, planted};
use maftia_types::{Epoch, SiteId, SiteSet, Time};

use super::passage::Passage;
use super::{Epochs, LINGER, PATIENCE};
use crate::fault::Misbehaviour;
use crate::item::Item;
use crate::message::Message;
use crate::replica::{Output, Record, Replica};

/// Certificates kept for those who were away: a change a day for more than two years. Who was away
/// for longer gets the group's file anew.
const CHAIN_MAX: usize = 1024;

/// Commits after which a site says again that it holds the certificate.
const SAID_COMMITS: u64 = 16;

/// Votes for the present view, gathered by a site that was there in the epoch before.
#[derive(Debug)]
pub(crate) struct Handing {
    pub(super) collector: Collector,
    /// This site's seat in the former view; none if it has joined since.
    pub(super) seat: Option<SiteId>,
}

impl Replica {
    /// Votes for the present view, as a member of the former one, and begins to gather the others'
    /// votes.
    pub(crate) fn hand_over(
        &mut self,
        now: Time,
        (former, seat): (View, Option<SiteId>),
        step: &mut Step<Self>,
    ) {
        let handover = self.ledger.membership().and_then(Membership::handover);
        let (Some(epochs), Some(handover)) = (&mut self.epochs, handover) else {
            return;
        };
        // It is known if the log is read again.
        if epochs.chain.iter().any(|own| *own.handover() == handover) {
            return self.handed_over(now, step);
        }
        let mut collector = Collector::new(former);
        if let Some(seat) = seat {
            let own = collector.add(seat, handover.sign(self.engine.key()));
            debug_assert_eq!(own, Ok(true), "an own vote is good");
        }
        epochs.handing = Some(Handing { collector, seat });
        epochs.ask_soon(now);
        self.certify(now, step);
    }

    /// A message about epochs.
    pub(crate) fn on_passage(
        &mut self,
        now: Time,
        from: SiteId,
        passage: Passage,
        step: &mut Step<Self>,
    ) {
        match passage {
            Passage::Ask { epoch } if epoch == self.epoch() => self.tell_asker(now, from, step),
            Passage::Ask { epoch } => self.answer_ask(from, epoch, step),
            Passage::Vote { seat, vote } => self.on_vote(now, from, (seat, vote), step),
            Passage::Chain(chain) => self.on_chain(now, from, chain, step),
            Passage::Word(word) => self.on_word(now, from, &word),
        }
    }

    fn on_vote(
        &mut self,
        now: Time,
        from: SiteId,
        (seat, vote): (SiteId, Vote),
        step: &mut Step<Self>,
    ) {
        let own = self.ledger.membership().and_then(Membership::handover);
        let handing = self.epochs.as_mut().and_then(|own| own.handing.as_mut());
        let (Some(handing), Some(own)) = (handing, own) else {
            return;
        };
        match handing.collector.add(seat, vote) {
            Ok(true) if vote.statement == own.statement() => self.certify(now, step),
            Ok(true) => step.blame(from, Misbehaviour::Handover(WrongVote)),
            Ok(false) => {}
            Err(wrong) => step.blame(from, Misbehaviour::Handover(wrong)),
        }
    }

    /// Makes the certificate of the present view, if the votes for it are enough.
    fn certify(&mut self, now: Time, step: &mut Step<Self>) {
        let handover = self.ledger.membership().and_then(Membership::handover);
        let handing = self.epochs.as_ref().and_then(|own| own.handing.as_ref());
        let (Some(handing), Some(handover)) = (handing, handover) else {
            return;
        };
        if let Some(certificate) = handing.collector.certificate(&handover) {
            self.certified(now, vec![certificate], step);
        }
    }

    /// Certificates that lead to the view of this site.
    fn certified(&mut self, now: Time, certificates: Vec<Certificate>, step: &mut Step<Self>) {
        let (Some(epochs), Some(first)) = (&mut self.epochs, certificates.first()) else {
            return;
        };
        let first = epoch_of(first);
        epochs.chain.retain(|own| epoch_of(own) < first);
        epochs.chain.extend(certificates);
        while epochs.chain.len() > CHAIN_MAX {
            epochs.chain.pop_front();
        }
        let chain = epochs.chain.iter().cloned().collect();
        step.records.push(Record::Chain(chain));
        self.handed_over(now, step);
    }

    /// As a member: says in the log that it holds the certificate of the present view, until enough
    /// have said so. Said again now and then, since a block may be lost with a log.
    pub(crate) fn say_certified(&mut self, commit: u64) {
        let me = self.engine.me();
        let said = self.ledger.is_certified() || self.ledger.certified.contains(me);
        let due = |epochs: &&mut Epochs| {
            let here = epochs.view.epoch();
            let holds = epochs.chain.back().is_some_and(|own| epoch_of(own) == here);
            holds
                && epochs
                    .certified_at
                    .is_none_or(|at| commit >= at + SAID_COMMITS)
        };
        let member = me.index() < self.keys.len();
        let Some(epochs) = self.epochs.as_mut().filter(|_| member && !said).filter(due) else {
            return;
        };
        let mut writer = Writer::new();
        Item::Certified.encode(&mut writer);
        if self.engine.submit(writer.as_slice()).is_ok() {
            epochs.certified_at = Some(commit);
        }
    }

    /// The certificate of the present view is here: others need this site's vote no more. One that
    /// leaves gives the certificate to all, in case they do, and stays a while to answer them.
    fn handed_over(&mut self, now: Time, step: &mut Step<Self>) {
        let gone = self.is_leaver();
        let Some(epochs) = &mut self.epochs else {
            return;
        };
        epochs.handing = None;
        epochs.ask_no_more();
        if let Some(newest) = epochs.chain.back().filter(|_| gone) {
            let chain = Passage::Chain(vec![newest.clone()]);
            step.send(Target::Others, Message::Passage(chain));
            epochs.leave_at = Some(now + LINGER);
        }
        self.forget_former();
    }

    fn on_chain(
        &mut self,
        now: Time,
        from: SiteId,
        mut chain: Vec<Certificate>,
        step: &mut Step<Self>,
    ) {
        let own = self.ledger.membership().and_then(Membership::handover);
        let Some(epochs) = &mut self.epochs else {
            return;
        };
        let here = epochs.view.epoch();
        if let Some(handing) = &epochs.handing {
            let former = handing.collector.former();
            let found = chain
                .iter()
                .find(|found| Some(found.handover()) == own.as_ref());
            if let Some(good) = found.filter(|found| found.verify(former).is_ok()) {
                let good = vec![good.clone()];
                return self.certified(now, good, step);
            }
        }
        chain.retain(|own| epoch_of(own) > here);
        if chain
            .first()
            .is_none_or(|first| epoch_of(first) != here.next())
        {
            return;
        }
        let unchecked = chain.last().map(|own| own.handover().view.clone());
        let unchecked = unchecked.filter(|_| planted("certificate not checked"));
        let Some(view) = follow(&epochs.view, &chain).ok().or(unchecked) else {
            return step.blame(from, Misbehaviour::BadChain);
        };
        if epochs.asked {
            self.adopt(now, view, chain, step);
        } else if epochs.ask_at.is_none() {
            epochs.ask_soon(now + PATIENCE);
        }
    }

    /// Follows the certificates that were on the disk, if they lead further than the log.
    pub(crate) fn follow_kept(&mut self, now: Time, step: &mut Step<Self>) {
        let Some(epochs) = &self.epochs else { return };
        let here = epochs.view.epoch();
        let later = epochs.chain.iter().filter(|own| epoch_of(own) > here);
        let later: Vec<Certificate> = later.cloned().collect();
        if let Ok(view) = follow(&epochs.view, &later)
            && view.epoch() > here
        {
            self.adopt(now, view, later, step);
        }
    }

    /// Knows the others by a later view from now on, and fetches its state.
    fn adopt(
        &mut self,
        now: Time,
        view: View,
        certificates: Vec<Certificate>,
        step: &mut Step<Self>,
    ) {
        // They are for other ids.
        step.messages.clear();
        let seated = view.seat_of(&self.engine.key().public()).is_some();
        self.keys = view.keys();
        self.checkpoints.clear();
        self.fetch = None;
        if let Some(epochs) = &mut self.epochs {
            epochs.joiners.clear();
            epochs.leavers.clear();
            (epochs.former, epochs.later) = (None, SiteSet::EMPTY);
            (epochs.view, epochs.hollow) = (view, true);
        }
        self.certified(now, certificates, step);
        step.outputs.push(Output::Sites);
        if seated {
            self.start_fetch(now);
        } else if let Some(epochs) = &mut self.epochs {
            step.outputs.push(Output::Left(epochs.view.epoch()));
        }
    }

    /// Says that this site may stop, when it has stayed long enough.
    pub(crate) fn leave_due(&mut self, now: Time, step: &mut Step<Self>) {
        let due = |epochs: &&mut Epochs| epochs.leave_at.is_some_and(|at| at <= now);
        if let Some(epochs) = self.epochs.as_mut().filter(due) {
            epochs.leave_at = None;
            step.outputs.push(Output::Left(epochs.view.epoch()));
        }
    }
}

pub(super) fn epoch_of(certificate: &Certificate) -> Epoch {
    certificate.handover().view.epoch()
}

/// The certificates by epoch, as far as they go without a gap from the newest.
pub(crate) fn kept(chain: Vec<Certificate>) -> VecDeque<Certificate> {
    let mut kept: VecDeque<Certificate> = VecDeque::new();
    for certificate in chain {
        let leads = kept
            .back()
            .is_none_or(|last| epoch_of(last).next() == epoch_of(&certificate));
        if !leads {
            kept.clear();
        }
        kept.push_back(certificate);
    }
    kept
}
