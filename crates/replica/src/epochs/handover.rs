//! Rules 3 and 4: how the sites of an epoch say who comes next, and how others learn it.

use std::collections::VecDeque;

use maftia_membership::handover::Collector;
use maftia_membership::{Certificate, View, follow};
use maftia_protocol::{Step, Target};
use maftia_types::{Epoch, SiteId, SiteSet, Time};

use super::passage::{CERTIFICATES_MAX, Passage};
use super::{ASK_FIRST, ASK_MAX, Epochs, PATIENCE};
use crate::fault::Misbehaviour;
use crate::message::Message;
use crate::replica::{Output, Record, Replica};

/// Certificates kept for those who were away: a change a day for more than two years. Who was away
/// for longer gets the group's file anew.
const CHAIN_MAX: usize = 1024;

/// Votes for the present view, gathered by a site of the view before.
#[derive(Debug)]
pub(crate) struct Handing {
    collector: Collector,
    /// This site's seat in the former view.
    seat: SiteId,
}

impl Replica {
    /// Votes for the present view, and begins to gather the others' votes.
    pub(crate) fn hand_over(
        &mut self,
        now: Time,
        (former, seat): (View, SiteId),
        step: &mut Step<Self>,
    ) {
        let handover = self.ledger.membership().and_then(|state| state.handover());
        let (Some(epochs), Some(handover)) = (&mut self.epochs, handover) else {
            return;
        };
        let mut collector = Collector::new(former);
        let vote = handover.sign(self.engine.key());
        let own = collector.add(seat, vote);
        debug_assert_eq!(own, Ok(true), "an own vote is good");
        epochs.handing = Some(Handing { collector, seat });
        epochs.ask_soon(now);
        self.certify(step);
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
            Passage::Ask { epoch } => self.answer_ask(from, epoch, step),
            Passage::Vote { seat, vote } => {
                let handing = self.epochs.as_mut().and_then(|own| own.handing.as_mut());
                let added = handing.map(|handing| handing.collector.add(seat, vote));
                match added {
                    Some(Ok(true)) => self.certify(step),
                    Some(Ok(false)) | None => {}
                    Some(Err(wrong)) => step.blame(from, Misbehaviour::Handover(wrong)),
                }
            }
            Passage::Chain(chain) => self.on_chain(now, chain, step),
            Passage::Word(word) => self.on_word(now, from, &word),
        }
    }

    fn answer_ask(&self, to: SiteId, epoch: Epoch, step: &mut Step<Self>) {
        let Some(epochs) = &self.epochs else { return };
        let chain = self.views_after(epoch);
        if !chain.is_empty() {
            let message = Message::Passage(Passage::Chain(chain));
            return step.send(Target::One(to), message);
        }
        let Some(handing) = &epochs.handing else {
            return;
        };
        let vote = handing.collector.vote(handing.seat);
        if let Some(vote) = vote.filter(|vote| vote.statement.epoch == epoch.plus(1)) {
            let (seat, vote) = (handing.seat, *vote);
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

    /// Makes the certificate of the present view, if the votes for it are enough.
    fn certify(&mut self, step: &mut Step<Self>) {
        let handover = self.ledger.membership().and_then(|state| state.handover());
        let handing = self.epochs.as_ref().and_then(|own| own.handing.as_ref());
        let (Some(handing), Some(handover)) = (handing, handover) else {
            return;
        };
        if let Some(certificate) = handing.collector.certificate(&handover) {
            self.certified(vec![certificate], step);
        }
    }

    /// Certificates that lead to the view of this site. Whoever left need not be known any more.
    fn certified(&mut self, certificates: Vec<Certificate>, step: &mut Step<Self>) {
        let gone = self.is_leaver();
        let Some(epochs) = &mut self.epochs else {
            return;
        };
        epochs.chain.extend(certificates);
        while epochs.chain.len() > CHAIN_MAX {
            epochs.chain.pop_front();
        }
        (epochs.handing, epochs.ask_at) = (None, None);
        let chain = epochs.chain.iter().cloned().collect();
        step.records.push(Record::Chain(chain));
        if gone {
            epochs.left = true;
            step.outputs.push(Output::Left(epochs.view.epoch()));
        } else if !std::mem::take(&mut epochs.leavers).is_empty() {
            step.outputs.push(Output::Sites);
        }
    }

    fn on_chain(&mut self, now: Time, chain: Vec<Certificate>, step: &mut Step<Self>) {
        let own = self.ledger.membership().and_then(|state| state.handover());
        let Some(epochs) = self
            .epochs
            .as_mut()
            .filter(|epochs| epochs.ask_at.is_some())
        else {
            return;
        };
        let here = epochs.view.epoch();
        if let Some(handing) = &epochs.handing {
            let mut found = chain.into_iter().filter(|found| epoch_of(found) == here);
            let former = handing.collector.former();
            let good = found.find(|found| found.verify(former).is_ok());
            if let Some(good) = good.filter(|good| Some(good.handover()) == own.as_ref()) {
                self.certified(vec![good], step);
            }
            return;
        }
        let later: Vec<Certificate> = chain
            .into_iter()
            .filter(|own| epoch_of(own) > here)
            .collect();
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
        step.messages.clear();
        let seated = view.seat_of(&self.engine.key().public()).is_some();
        self.keys = view.keys();
        self.checkpoints.clear();
        self.fetch = None;
        if let Some(epochs) = &mut self.epochs {
            epochs.joiners.clear();
            epochs.leavers.clear();
            epochs.later = SiteSet::EMPTY;
            (epochs.view, epochs.hollow) = (view, true);
        }
        self.certified(certificates, step);
        step.outputs.push(Output::Sites);
        if seated {
            self.start_fetch(now);
        } else if let Some(epochs) = &mut self.epochs {
            epochs.left = true;
            step.outputs.push(Output::Left(epochs.view.epoch()));
        }
    }

    /// A member has spoken of a later epoch.
    pub(crate) fn heard_later(&mut self, now: Time, from: SiteId) {
        let needed = self.one_correct();
        let Some(epochs) = &mut self.epochs else {
            return;
        };
        let member = from.index() < epochs.view.members().len();
        if member && epochs.later.insert(from) && epochs.later.len() == needed {
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
        let known = match &epochs.handing {
            Some(handing) => handing.collector.former().epoch(),
            None => epochs.view.epoch(),
        };
        let ask = Passage::Ask { epoch: known };
        step.send_now(Target::Others, Message::Passage(ask));
    }
}

impl Epochs {
    /// Asks at that time, and then less and less often.
    pub(crate) fn ask_soon(&mut self, at: Time) {
        self.pause = ASK_FIRST;
        self.ask_at = Some(at);
    }
}

fn epoch_of(certificate: &Certificate) -> Epoch {
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
