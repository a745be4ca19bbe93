//! The promises of a replicated service, each with arithmetic of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_activity::suite::KEYS;
use maftia_membership::MEMBERSHIP;
use maftia_membership::detector::{Level, Reason};
use maftia_ordering::{BlockRef, Mode};
use maftia_protocol::Target;
use maftia_replica::{Activity, Fate, Message, Output, Record, Replica, RequestId, result_digest};
use maftia_simulator::{Observation, Property, Violation};
use maftia_types::{Digest, Incarnation, Round, SiteId, SiteSet, Time};

use crate::book::Shared;
use crate::clients::HOSTILE;
use crate::model::Model;
use crate::speaks::Speaks;
use crate::views::SEATS;

type Seen<'a> = Observation<'a, Replica>;

/// One sequence of executed requests, everywhere, for ever: each request at one place and only if
/// a client asked for it; and the replies are those of the model.
pub(crate) struct TotalOrder {
    book: Shared,
    places: BTreeMap<RequestId, u64>,
}

impl TotalOrder {
    pub(crate) fn new(book: &Shared) -> Self {
        Self {
            book: book.clone(),
            places: BTreeMap::new(),
        }
    }

    fn executed(&mut self, id: RequestId, position: u64, digest: Digest) -> Result<(), Violation> {
        let mut book = self.book.borrow_mut();
        if !book.asked.contains_key(&id) {
            let text = format!("{id:?} was executed at {position}, but nobody asked for it");
            return Err(Violation::new("integrity", text));
        }
        let known = *book.executed.entry(position).or_insert((id, digest));
        if known != (id, digest) {
            let text = format!("position {position} is {known:?} and {:?}", (id, digest));
            return Err(Violation::new("total order", text));
        }
        let place = *self.places.entry(id).or_insert(position);
        if place != position {
            let text = format!("{id:?} was executed at {place} and at {position}");
            return Err(Violation::new("exactly once", text));
        }
        Ok(())
    }
}

impl<P: Speaks> Property<P> for TotalOrder {
    fn name(&self) -> &str {
        "total order"
    }

    fn observe(&mut self, _: Time, seen: &Observation<'_, P>) -> Result<(), Violation> {
        let Observation::Output { output, .. } = seen else {
            return Ok(());
        };
        let Some((client, incarnation, replies)) = P::replies(output) else {
            return Ok(());
        };
        for reply in replies {
            let (position, digest) = match &reply.fate {
                Fate::Executed { position, result } => (*position, result_digest(result)),
                Fate::ExecutedDigest { position, digest } => (*position, *digest),
                Fate::Forgotten | Fate::Closed | Fate::Other => continue,
            };
            let sequence = reply.sequence;
            self.executed(
                RequestId {
                    client,
                    incarnation,
                    sequence,
                },
                position,
                digest,
            )?;
        }
        Ok(())
    }

    /// Replays the whole history on the model.
    fn finish(&mut self, _: Time) -> Result<(), Violation> {
        let book = &mut *self.book.borrow_mut();
        let mut model = Model::new();
        let mut alive: BTreeMap<_, (Incarnation, u64)> = BTreeMap::new();
        for (expected, (position, (id, digest))) in (1..).zip(&book.executed) {
            if expected != *position {
                let text = format!("position {expected} was never executed");
                return Err(Violation::new("total order", text));
            }
            let last = alive.entry(id.client).or_insert((id.incarnation, 0));
            let next = if last.0 == id.incarnation {
                last.1 + 1
            } else {
                1
            };
            // Sessions of the hostile client expire and begin again.
            if id.client.key != HOSTILE && (id.incarnation < last.0 || id.sequence.0 != next) {
                let text = format!("{id:?} was executed after {last:?}");
                return Err(Violation::new("session order", text));
            }
            *last = (id.incarnation, id.sequence.0);
            let asked = book.asked.get(id).expect("checked when it was executed");
            let fits = asked.bodies.iter().find_map(|body| {
                let mut copy = model.clone();
                if is_of_another_service(body) {
                    return Some(copy);
                }
                (result_digest(&copy.answer(body)) == *digest).then_some(copy)
            });
            let Some(after) = fits else {
                let text = format!("{id:?} at {position} has a result that the model does not");
                return Err(Violation::new("linearizability", text));
            };
            model = after;
            book.sometimes.executed += 1;
            book.sometimes.hostile_executed += u64::from(id.client.key == HOSTILE);
        }
        Ok(())
    }
}

/// What the model does not know: views and keys are looked at by properties of their own.
fn is_of_another_service(body: &Bytes) -> bool {
    let others = [MEMBERSHIP, KEYS, SEATS];
    body.first().is_some_and(|first| others.contains(first))
}

/// What f+1 sites acknowledged to a client stays executed at the place they said; and a request
/// that was called after another had returned has a later place.
pub(crate) struct Durability {
    book: Shared,
}

impl Durability {
    pub(crate) fn new(book: &Shared) -> Self {
        Self { book: book.clone() }
    }
}

impl<P: Speaks> Property<P> for Durability {
    fn name(&self) -> &str {
        "durability"
    }

    fn observe(&mut self, _: Time, _: &Observation<'_, P>) -> Result<(), Violation> {
        Ok(())
    }

    fn finish(&mut self, _: Time) -> Result<(), Violation> {
        let book = self.book.borrow();
        let mut returned = Time::MAX;
        for (position, (id, digest)) in book.executed.iter().rev() {
            let asked = &book.asked[id];
            if asked.called > returned {
                let text = format!("{id:?} at {position} was called after a later one returned");
                return Err(Violation::new("linearizability", text));
            }
            if let Some((at, place, result)) = asked.returned {
                if (place, result) != (*position, *digest) {
                    let text = format!("{id:?} was acknowledged at {place}, not {position}");
                    return Err(Violation::new("durability", text));
                }
                returned = returned.min(at);
            }
        }
        let places: BTreeMap<_, _> = book.executed.iter().map(|(p, (id, _))| (*id, *p)).collect();
        let lost = book
            .asked
            .iter()
            .find(|(id, asked)| asked.returned.is_some() && !places.contains_key(id));
        match lost {
            Some((id, _)) => {
                let text = format!("{id:?} was acknowledged and no correct site executed it");
                Err(Violation::new("durability", text))
            }
            None => Ok(()),
        }
    }
}

/// What correct sites sign in their blocks: one block a round for ever, one chain of commits, one
/// digest per checkpoint.
#[derive(Default)]
pub(crate) struct Signed {
    blocks: BTreeMap<(SiteId, Round), Digest>,
    commits: BTreeMap<u64, Digest>,
    checkpoints: BTreeMap<u64, Digest>,
    book: Shared,
}

impl Signed {
    pub(crate) fn new(book: &Shared) -> Self {
        Self {
            book: book.clone(),
            ..Self::default()
        }
    }

    fn block(&mut self, block: &maftia_ordering::Block) -> Result<(), Violation> {
        let BlockRef {
            author,
            round,
            digest,
        } = block.reference();
        match self.blocks.insert((author, round), digest) {
            Some(before) if before == digest => return Ok(()),
            Some(before) => {
                let text = format!("{author} signed {before:?} and {digest:?} for round {round}");
                return Err(Violation::new("no self-contradiction", text));
            }
            None => self.book.borrow_mut().sometimes.blocks += 1,
        }
        let header = block.header();
        if let Some(vote) = header.commit_vote {
            let known = *self.commits.entry(vote.index).or_insert(vote.digest);
            if known != vote.digest {
                let text = format!("commit {} is {known:?} and {:?}", vote.index, vote.digest);
                return Err(Violation::new("agreement", text));
            }
        }
        if let Some(vote) = header.checkpoint_vote {
            let known = *self.checkpoints.entry(vote.index).or_insert(vote.digest);
            if known != vote.digest {
                let text = format!(
                    "checkpoint {} is {known:?} and {:?}",
                    vote.index, vote.digest
                );
                return Err(Violation::new("state agreement", text));
            }
        }
        Ok(())
    }
}

impl Property<Replica> for Signed {
    fn name(&self) -> &str {
        "no self-contradiction"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Sent {
                site,
                message: Message::Ordering(_, maftia_ordering::Message::Block { block, .. }),
                target: Target::Others | Target::One(_) | Target::All,
            } if block.author() == *site => self.block(block),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: Time) -> Result<(), Violation> {
        let book = &mut self.book.borrow_mut().sometimes;
        book.commits += self.commits.last_key_value().map_or(0, |(index, _)| *index);
        Ok(())
    }
}

/// No alarm, no divergence, no lost tail, no innocent convicted or called rude.
pub(crate) struct Sanity {
    corrupted: SiteSet,
    book: Shared,
}

impl Sanity {
    pub(crate) fn new(corrupted: SiteSet, book: &Shared) -> Self {
        Self {
            corrupted,
            book: book.clone(),
        }
    }
}

impl Property<Replica> for Sanity {
    fn name(&self) -> &str {
        "no alarm"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        let book = &mut *self.book.borrow_mut();
        match seen {
            Observation::Recorded {
                record: Record::Image(_),
                ..
            } => book.sometimes.images += 1,
            Observation::Output { site, output } => match output {
                Output::Alarm(alarm) => {
                    return Err(Violation::new(
                        "no alarm",
                        format!("{site}: {}", alarm.text),
                    ));
                }
                Output::Convicted(culprit) if !self.corrupted.contains(*culprit) => {
                    let text = format!("{site} convicts the correct site {culprit}");
                    return Err(Violation::new("blame soundness", text));
                }
                Output::Diverged { index, .. } => {
                    let text = format!("{site} has another state at commit {index}");
                    return Err(Violation::new("state agreement", text));
                }
                Output::LostTail => {
                    return Err(Violation::new(
                        "no lost tail",
                        format!("{site} lost its tail"),
                    ));
                }
                Output::Convicted(_) => book.sometimes.convictions += 1,
                Output::Installed { .. } => book.sometimes.transfers += 1,
                Output::Stable { .. } => book.sometimes.checkpoints += 1,
                Output::Suspicion(change) => {
                    let innocent = |site| !self.corrupted.contains(site);
                    if let Level::Suspected(own) = change.level
                        && matches!(own.reason, Reason::Abusive | Reason::Invalid)
                        && innocent(*site)
                        && innocent(change.site)
                    {
                        let text = format!("{site} calls {} {}", change.site, own.reason);
                        return Err(Violation::new("blame soundness", text));
                    }
                    book.sometimes.suspicions += 1;
                }
                Output::Replies { .. } | Output::Sites | Output::Left(_) => {}
            },
            Observation::Faulted { site, fault } if !self.corrupted.contains(fault.culprit) => {
                let text = format!("{site} blames {}: {}", fault.culprit, fault.misbehaviour);
                return Err(Violation::new("blame soundness", text));
            }
            Observation::Healed => book.healed = true,
            _ => {}
        }
        Ok(())
    }
}

/// After the healing every correct site reaches the same state, serves, and goes on taking
/// checkpoints; every run has so many rounds.
pub(crate) struct Convergence {
    book: Shared,
    rounds: Round,
    healed: bool,
    /// A commit that all have made when the world healed.
    floor: u64,
    sites: BTreeMap<SiteId, Reached>,
}

#[derive(Clone, Debug)]
struct Reached {
    commit: u64,
    position: u64,
    checkpoint: u64,
    tip: Round,
    activity: Activity,
}

impl Convergence {
    pub(crate) fn new(book: &Shared, rounds: u64, correct: &[SiteId]) -> Self {
        let nothing = Reached {
            commit: 0,
            position: 0,
            checkpoint: 0,
            tip: Round(0),
            activity: Activity::Halted,
        };
        Self {
            book: book.clone(),
            rounds: Round(rounds),
            healed: false,
            floor: 0,
            sites: correct
                .iter()
                .map(|site| (*site, nothing.clone()))
                .collect(),
        }
    }
}

impl Property<Replica> for Convergence {
    fn name(&self) -> &str {
        "convergence"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Healed => {
                self.healed = true;
                self.floor = self
                    .sites
                    .values()
                    .map(|site| site.commit)
                    .max()
                    .unwrap_or(0);
            }
            Observation::Stepped { site, replica } => {
                let Some(reached) = self.sites.get_mut(site) else {
                    return Ok(());
                };
                let (dag, frontier) = (replica.engine().dag(), replica.engine().frontier());
                // Without a block two rounds above, only votes can have committed the leader.
                let voted = !dag.authors(frontier.leader_round.next()).is_empty();
                let fast = voted && dag.authors(frontier.leader_round.plus(2)).is_empty();
                if fast && frontier.index > reached.commit {
                    self.book.borrow_mut().sometimes.fast_commits += 1;
                }
                if frontier.index > reached.commit {
                    let sometimes = &mut self.book.borrow_mut().sometimes;
                    match replica.engine().mode(frontier.leader_round) {
                        Some(Mode::S) => sometimes.known_commits += 1,
                        Some(Mode::A) => sometimes.coin_commits += 1,
                        None => {}
                    }
                }
                reached.commit = frontier.index;
                reached.tip = dag.tip();
                if self.healed {
                    let status = replica.status();
                    reached.position = status.position;
                    reached.checkpoint = status.checkpoint.map_or(0, |(index, _)| index);
                    reached.activity = status.activity;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn done(&self) -> bool {
        let executed = self
            .book
            .borrow()
            .executed
            .last_key_value()
            .map_or(0, |(p, _)| *p);
        // The last one of a short run may be known from votes alone, without having been seen stable.
        let stable = self.book.borrow().sometimes.checkpoints > 0;
        stable
            && self.sites.values().all(|site| {
                site.tip >= self.rounds
                    && (!self.healed
                        || site.position >= executed
                            && site.checkpoint > self.floor
                            && site.activity == Activity::Serving)
            })
    }

    fn stuck(&self) -> String {
        format!("commits above {}: {:?}", self.floor, self.sites)
    }

    fn finish(&mut self, _: Time) -> Result<(), Violation> {
        let rounds = self
            .sites
            .values()
            .map(|site| site.tip.0)
            .max()
            .unwrap_or(0);
        self.book.borrow_mut().sometimes.rounds += rounds;
        Ok(())
    }
}
