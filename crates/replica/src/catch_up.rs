//! The replica's side of a state transfer: serving one and going through one.

use bytes::{Bytes, BytesMut};
use maftia_activity::replication::StateMachine;
use maftia_codec::Wire;
use maftia_ordering::Frontier;
use maftia_protocol::Step;
use maftia_types::{SiteId, Time};

use crate::fault::Misbehaviour;
use crate::intake::Intake;
use crate::ledger::Ledger;
use crate::message::Transfer;
use crate::replica::{Output, Replica};
use crate::status::Status;
use crate::transfer::{Fetch, Fetched, Requests};

impl Replica {
    /// Begins to fetch a checkpoint, unless that is under way.
    pub(crate) fn start_fetch(&mut self, now: Time) {
        if self.fetch.is_none() {
            let mut fetch = Fetch::start(now);
            fetch.reuse(self.machine.snapshot());
            self.fetch = Some(fetch);
        }
    }

    /// A message of a state transfer.
    pub(crate) fn on_transfer(
        &mut self,
        now: Time,
        from: SiteId,
        message: Transfer,
        step: &mut Step<Self>,
    ) {
        match message {
            Transfer::Query => self.offer(from, step),
            Transfer::ManifestRequest { index } => self.serve_manifest(from, index, step),
            Transfer::ChunkRequest { index, chunk } => self.serve_chunk(from, index, chunk, step),
            // Who only follows has no word in it.
            Transfer::Offer { .. } if from.index() >= self.keys.len() => {}
            Transfer::Offer { index, digest } => {
                let above = if self.diverged || self.is_hollow() {
                    0
                } else {
                    self.engine.frontier().index
                };
                let needed = self.one_correct();
                let requests = self
                    .fetch
                    .as_mut()
                    .map(|fetch| fetch.on_offer(now, from, (index, digest), above, needed));
                Self::request(requests.unwrap_or_default(), step);
            }
            Transfer::Manifest { head, digests } => {
                let answer = self
                    .fetch
                    .as_mut()
                    .map(|fetch| fetch.on_manifest(now, &head, digests));
                match answer {
                    Some(Ok(requests)) => Self::request(requests, step),
                    Some(Err(_)) => step.blame(from, Misbehaviour::ForeignChunk),
                    None => {}
                }
                self.try_install(now, step);
            }
            Transfer::Chunk {
                index,
                chunk,
                bytes,
            } => {
                let place = (index, usize::try_from(chunk).unwrap_or(usize::MAX));
                let machine: &dyn StateMachine = self.machine.as_ref();
                let digest = |chunk: &Bytes| machine.chunk_digest(chunk);
                let answer = self
                    .fetch
                    .as_mut()
                    .map(|fetch| fetch.on_chunk(now, from, place, bytes, digest));
                match answer {
                    Some(Ok(requests)) => Self::request(requests, step),
                    Some(Err(_)) => step.blame(from, Misbehaviour::ForeignChunk),
                    None => {}
                }
                self.try_install(now, step);
            }
        }
    }

    /// Asks, or asks again, when it is time.
    pub(crate) fn fetch_due(&mut self, now: Time, step: &mut Step<Self>) {
        let requests = self.fetch.as_mut().map(|fetch| fetch.on_timeout(now));
        Self::request(requests.unwrap_or_default(), step);
        let wanted = self.diverged || self.is_hollow();
        if !wanted && self.fetch.as_ref().is_some_and(Fetch::is_fruitless) {
            self.fetch = None;
        }
    }

    fn request(requests: Requests, step: &mut Step<Self>) {
        for (to, message) in requests {
            Self::send_transfer(to, message, step);
        }
    }

    fn offer(&self, to: SiteId, step: &mut Step<Self>) {
        for stable in self.checkpoints.served() {
            let offer = Transfer::Offer {
                index: stable.index,
                digest: stable.digest,
            };
            Self::send_transfer(Some(to), offer, step);
        }
    }

    fn serve_manifest(&mut self, to: SiteId, index: u64, step: &mut Step<Self>) {
        let Some(stable) = self.checkpoints.pin(to, index) else {
            return self.offer(to, step);
        };
        let manifest = Transfer::Manifest {
            head: stable.head,
            digests: stable.tree.leaves().to_vec(),
        };
        Self::send_transfer(Some(to), manifest, step);
    }

    fn serve_chunk(&mut self, to: SiteId, index: u64, chunk: u32, step: &mut Step<Self>) {
        let Some(stable) = self.checkpoints.pin(to, index) else {
            return self.offer(to, step);
        };
        let place = usize::try_from(chunk).unwrap_or(usize::MAX);
        if let Some(bytes) = stable.chunk(place) {
            Self::send_transfer(
                Some(to),
                Transfer::Chunk {
                    index,
                    chunk,
                    bytes,
                },
                step,
            );
        }
    }

    /// Puts a complete checkpoint in place of the state.
    fn try_install(&mut self, now: Time, step: &mut Step<Self>) {
        let Some(fetched) = self.fetch.as_mut().and_then(Fetch::finish) else {
            return;
        };
        let index = fetched.index;
        self.fetch = None;
        // Meanwhile the site may have come this far by itself. Reading replaces the state.
        let wanted = self.diverged || self.is_hollow();
        if !wanted && index <= self.engine.frontier().index {
            return;
        }
        let Some((frontier, ledger, bytes)) = self.read(&fetched) else {
            self.start_fetch(now);
            return;
        };
        if !self.is_of_known_view(&ledger) {
            // The members have gone on meanwhile: first their certificates, then their state.
            self.ask_soon(now);
            return self.start_fetch(now);
        }
        if self.machine.restore(&fetched.app).is_err() {
            return self.start_fetch(now);
        }
        let clients = std::mem::take(&mut self.ledger.clients);
        self.ledger = ledger;
        self.ledger.clients = clients;
        self.ledger.coin = self.settings.coin;
        self.watch_convicted();
        self.chain.clear();
        self.intake = Intake::default();
        self.diverged = false;
        let here = self.ledger.membership().map(|state| state.view().epoch());
        if here.is_some_and(|here| here != self.engine.parameters().epoch) || self.is_hollow() {
            let (below, _) = self.begin_epoch(frontier.clone(), now, step);
            self.lift(now, below, step);
        } else {
            self.engine.install(now, frontier.clone());
        }
        self.checkpoints.clear();
        let checkpoint = self.checkpoint_of(frontier, &bytes);
        self.checkpoints.set_stable(checkpoint);
        self.vote(now);
        self.tell_sites(step);
        self.want_image();
        step.outputs.push(Output::Installed { index });
        self.observe(now, step);
    }

    /// Decodes a fetched checkpoint, but for the application's part. Every chunk has been checked
    /// against the digest f+1 sites gave, so only a wrong program fails here.
    fn read(&self, fetched: &Fetched) -> Option<(Frontier, Ledger, Bytes)> {
        let (frontier, ledger) = fetched.parts.split_first()?;
        let frontier = Frontier::from_bytes(frontier.clone()).ok()?;
        let mut bytes = BytesMut::new();
        ledger
            .iter()
            .for_each(|piece| bytes.extend_from_slice(piece));
        let bytes = bytes.freeze();
        let needed = self.one_correct();
        let ledger = Ledger::restore(self.settings.limits, needed, bytes.clone()).ok()?;
        Some((frontier, ledger, bytes))
    }

    /// How this site stands; one site's word.
    pub fn status(&self) -> Status {
        Status::of(self)
    }
}
