//! The operator, who wants one change after another, beside the clients, who follow the group.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use maftia_activity::keys::sessions::{Answer, Request, SessionId};
use maftia_activity::suite::keys_request;
use maftia_codec::Wire;
use maftia_membership::membership::{Operation, Outcome, PENDING_MS};
use maftia_membership::{Certificate, Change, MEMBERSHIP, View, follow};
use maftia_replica::{Bodies, ClientMessage, Command, Fate, RequestId, Span, result_digest};
use maftia_simulator::{Context, Environment};
use maftia_types::{ClientId, Digest, Duration, Incarnation, Sequence, SiteId, Time};

use super::estate::{Estate, OPERATOR};
use super::history::{Shared, joiners};
use super::host::{Given, Host, Order};
use super::script::Wanted;
use super::seats::SEATS;
use crate::book::{self, Asked};
use crate::clients::{Audience, Clients};
use crate::speaks::Speaks;

/// Pause before something is asked again.
const AGAIN: Duration = Duration::from_millis(300);
/// How long a change may be under way before the operator lets its time run out: a joiner that is
/// intruded may never come. Longer than anything that the storm holds up.
const PATIENCE: Duration = Duration::from_secs(25);

pub(crate) struct Operator {
    clients: Clients,
    book: book::Shared,
    history: Shared,
    estate: Rc<Estate>,
    /// Where the clients have come by certificates.
    view: View,
    ask_views_at: Time,
    wanted: std::vec::IntoIter<Wanted>,
    stage: Stage,
    /// After a change, pause before the next.
    pause: Duration,
    asking: Option<Asking>,
    /// To what was asked last.
    answer: Option<Bytes>,
    sequence: Sequence,
    next: Time,
}

#[derive(Debug)]
enum Stage {
    Pausing {
        until: Time,
    },
    Proposing {
        wanted: Wanted,
        ends: usize,
    },
    UnderWay {
        wanted: Wanted,
        ends: usize,
        since: Time,
        again: Time,
    },
    /// All is done; who holds what is asked at the end.
    Looking,
    /// And in a group with keys a signature, in this session once there is one.
    Signing {
        session: Option<SessionId>,
    },
    Done,
}

/// One request of the operator's own.
#[derive(Debug)]
struct Asking {
    body: Bytes,
    again: Time,
    votes: BTreeMap<SiteId, (u64, Digest)>,
    results: BTreeMap<Digest, Bytes>,
}

impl Operator {
    pub(crate) fn new(
        (clients, book): (Clients, book::Shared),
        history: &Shared,
        estate: &Rc<Estate>,
        wanted: Vec<Wanted>,
        pause: Duration,
    ) -> Self {
        Self {
            clients,
            book,
            history: history.clone(),
            estate: Rc::clone(estate),
            view: estate.founders.clone(),
            ask_views_at: Time::ZERO,
            wanted: wanted.into_iter(),
            stage: Stage::Pausing {
                until: Time::ZERO + pause,
            },
            pause,
            asking: None,
            answer: None,
            sequence: Sequence(1),
            next: Time::ZERO,
        }
    }

    /// The machines of the view to which clients have come.
    fn audience(&self) -> Audience {
        let machine = |key| self.estate.machine(key).expect("all are machines");
        let members = self.view.members().iter();
        Audience {
            sites: members.map(|member| machine(&member.key)).collect(),
            f: self.view.resilience().intruded_max(),
        }
    }

    fn ask(&mut self, now: Time, body: Bytes) {
        let id = self.id();
        let asked = Asked {
            bodies: vec![body.clone()],
            called: now,
            returned: None,
        };
        self.book.borrow_mut().asked.insert(id, asked);
        self.asking = Some(Asking {
            body,
            again: now,
            votes: BTreeMap::new(),
            results: BTreeMap::new(),
        });
    }

    fn id(&self) -> RequestId {
        RequestId {
            client: ClientId {
                key: OPERATOR,
                session: 0,
            },
            incarnation: Incarnation(1),
            sequence: self.sequence,
        }
    }

    /// Says again, to all, what has not been answered.
    fn resend(&mut self, context: &mut Context<'_, Host>) {
        let (id, sites) = (self.id(), self.audience().sites);
        let Some(asking) = self.asking.as_mut().filter(|own| own.again <= context.now) else {
            return;
        };
        asking.again = context.now + AGAIN;
        let batches = vec![(Span::one(id.sequence), Bodies::new([&asking.body]))];
        for site in sites {
            let message = ClientMessage::Submit {
                session: id.client.session,
                incarnation: id.incarnation,
                batches: batches.clone(),
            };
            let key = OPERATOR;
            context.command(site, Order::Replica(Command::Client { key, message }));
        }
    }

    fn on_replies(&mut self, now: Time, site: SiteId, given: &Given) {
        let id = self.id();
        let Some((client, incarnation, replies)) = Host::replies(given) else {
            return;
        };
        let audience = self.audience();
        let Some(asking) = &mut self.asking else {
            return;
        };
        if (client, incarnation) != (id.client, id.incarnation) || !audience.sites.contains(&site) {
            return;
        }
        for reply in replies.iter().filter(|reply| reply.sequence == id.sequence) {
            let vote = match &reply.fate {
                Fate::Executed { position, result } => {
                    let digest = result_digest(result);
                    asking.results.insert(digest, result.clone());
                    (*position, digest)
                }
                Fate::ExecutedDigest { position, digest } => (*position, *digest),
                Fate::Forgotten | Fate::Closed | Fate::Other => continue,
            };
            asking.votes.insert(site, vote);
            let equal = asking.votes.values().filter(|own| **own == vote).count();
            if equal > audience.f {
                let mut book = self.book.borrow_mut();
                let asked = book.asked.get_mut(&id).expect("it was asked");
                asked.returned = Some((now, vote.0, vote.1));
                self.answer = asking.results.remove(&vote.1);
                self.asking = None;
                self.sequence = self.sequence.next();
                return;
            }
        }
    }

    fn on_views(&mut self, site: SiteId, chain: &[Certificate]) {
        let from_member = self.audience().sites.contains(&site);
        if !from_member || chain.is_empty() {
            return;
        }
        let later = chain
            .iter()
            .filter(|own| own.handover().view.epoch() > self.view.epoch());
        let later: Vec<Certificate> = later.cloned().collect();
        let mut history = self.history.borrow_mut();
        match follow(&self.view, &later) {
            Ok(view) if view.epoch() > self.view.epoch() => {
                history.rare.views_followed += 1;
                history.accepted.push(view.clone());
                drop(history);
                self.view = view;
                let audience = self.audience();
                self.clients.enter(audience);
                self.asking.iter_mut().for_each(|own| own.votes.clear());
            }
            Ok(_) => {}
            Err(_) => history.rare.chains_refused += 1,
        }
    }

    fn follow(&mut self, context: &mut Context<'_, Host>) {
        if self.ask_views_at <= context.now {
            self.ask_views_at = context.now + AGAIN;
            let sites = self.audience().sites;
            let site = *context.dice.pick(&sites).expect("a view has members");
            context.command(site, Order::Views(self.view.epoch()));
        }
    }

    fn work(&mut self, context: &mut Context<'_, Host>) {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        self.stage = match stage {
            Stage::Pausing { until } if until > context.now => Stage::Pausing { until },
            Stage::Pausing { .. } => match self.wanted.next() {
                Some(wanted) => {
                    let ends = self.history.borrow().ends_of(&wanted.change).0;
                    Stage::Proposing { wanted, ends }
                }
                None if self.estate.keyed => Stage::Signing { session: None },
                None => {
                    self.ask(context.now, Bytes::from_static(&[SEATS]));
                    Stage::Looking
                }
            },
            Stage::Proposing { wanted, ends } => self.propose(context, wanted, ends),
            Stage::UnderWay {
                wanted,
                ends,
                since,
                again,
            } => self.attend(context, wanted, ends, (since, again)),
            Stage::Looking if self.asking.is_some() => Stage::Looking,
            Stage::Signing { session } => self.sign(context.now, session),
            Stage::Looking | Stage::Done => Stage::Done,
        };
    }

    /// Asks for a signature, and then for the result, until it is there.
    fn sign(&mut self, now: Time, session: Option<SessionId>) -> Stage {
        let key = self.history.borrow().signing;
        let (None, Some(key)) = (&self.asking, key) else {
            return Stage::Signing { session };
        };
        let answer = self.answer.take().map(Answer::from_bytes);
        let session = match answer {
            Some(Ok(Answer::Signature(_))) => {
                self.history.borrow_mut().rare.signatures += 1;
                return Stage::Done;
            }
            Some(Ok(Answer::Session(begun))) => Some(begun),
            Some(Ok(Answer::Pending { .. })) => session,
            // The session is over, or the key is busy: another one.
            _ => None,
        };
        let request = match session {
            Some(session) => Request::Result { session },
            None => Request::Sign {
                key,
                message: Bytes::from_static(b"a message"),
                slot: None,
            },
        };
        self.ask(now, keys_request(&request));
        Stage::Signing { session }
    }

    fn propose(&mut self, context: &Context<'_, Host>, wanted: Wanted, ends: usize) -> Stage {
        let (under_way, over) = {
            let history = self.history.borrow();
            let over = history.ends_of(&wanted.change).0 > ends;
            (history.pending.as_ref() == Some(&wanted.change), over)
        };
        let now = context.now;
        if under_way || over {
            let (since, again) = (now, now);
            return Stage::UnderWay {
                wanted,
                ends,
                since,
                again,
            };
        }
        if self.asking.is_none() {
            self.ask(now, proposal(&wanted.change));
        }
        Stage::Proposing { wanted, ends }
    }

    fn attend(
        &mut self,
        context: &mut Context<'_, Host>,
        wanted: Wanted,
        ends: usize,
        (since, mut again): (Time, Time),
    ) -> Stage {
        let now = context.now;
        let ended = {
            let history = self.history.borrow();
            let (count, outcome) = history.ends_of(&wanted.change);
            outcome.filter(|_| count > ends).cloned()
        };
        if let Some(outcome) = ended {
            self.clients.ask_more(2);
            if wanted.comes && matches!(outcome, Outcome::Aborted(_)) {
                // What was to follow may make no sense now.
                self.wanted = Vec::new().into_iter();
            }
            return Stage::Pausing {
                until: now + self.pause,
            };
        }
        let patience = if wanted.comes {
            PATIENCE
        } else {
            AGAIN.times(4)
        };
        if now.since(since) >= patience {
            let skipped = self.estate.skipped.get() + Duration::from_millis(PENDING_MS);
            self.estate.skipped.set(skipped);
            let (since, again) = (now, now);
            return Stage::UnderWay {
                wanted,
                ends,
                since,
                again,
            };
        }
        if wanted.comes && again <= now {
            again = now + AGAIN;
            self.start_joiners(context, &wanted.change);
        }
        Stage::UnderWay {
            wanted,
            ends,
            since,
            again,
        }
    }

    /// Sets up those who are to join, as `maftia init joiner` does.
    fn start_joiners(&self, context: &mut Context<'_, Host>, change: &Change) {
        let history = self.history.borrow();
        let Some(view) = history.newest() else { return };
        let all: Vec<_> = joiners(change).collect();
        for joiner in &all {
            let machine = self.estate.machine(&joiner.key).expect("a machine joins");
            if self.estate.started.borrow().contains(&machine) {
                continue;
            }
            let files = Estate::beginning(view, all.clone());
            self.estate.files.borrow_mut().insert(machine, files);
            context.command(machine, Order::Start);
        }
    }
}

pub(crate) fn proposal(change: &Change) -> Bytes {
    let mut operation = vec![MEMBERSHIP];
    operation.extend_from_slice(&Operation::Propose(change.clone()).to_bytes());
    operation.into()
}

impl Environment<Host> for Operator {
    fn on_output(&mut self, context: &mut Context<'_, Host>, site: SiteId, given: Given) {
        if let Given::Views(chain) = &given {
            return self.on_views(site, chain);
        }
        self.on_replies(context.now, site, &given);
        self.clients.on_output(context, site, given);
    }

    fn on_timer(&mut self, context: &mut Context<'_, Host>) {
        Environment::<Host>::on_timer(&mut self.clients, context);
        self.next = Environment::<Host>::next_timer(&self.clients).unwrap_or(context.now);
        self.work(context);
        self.resend(context);
        self.follow(context);
    }

    fn next_timer(&self) -> Option<Time> {
        Some(self.next)
    }

    fn done(&self) -> bool {
        matches!(self.stage, Stage::Done) && Environment::<Host>::done(&self.clients)
    }

    fn stuck(&self) -> String {
        let clients = Environment::<Host>::stuck(&self.clients);
        let follows = self.view.epoch();
        format!(
            "{:?}, {:?}, following {follows}; {clients}",
            self.stage, self.asking
        )
    }
}
