//! Four replicas joined by a perfect network.

use std::collections::VecDeque;

use bytes::Bytes;
use maftia_activity::kv;
use maftia_activity::replication::StateMachine;
use maftia_codec::Wire;
use maftia_crypto::SigningKey;
use maftia_ordering::{
    Block, BlockRef, CheckpointPolicy, Header, Identity, IndexedDigest, Pacing, Parameters,
    payload_digest,
};
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{Digest, Epoch, FaultModel, Resilience, Round, SiteId, Time};

use crate::{Boot, Message, Output, Record, Replica, Settings};

pub(super) const SITES: usize = 4;
pub(super) const CONFIG: Digest = Digest([1; 32]);

pub(super) fn site(index: u8) -> SiteId {
    SiteId::new(index).unwrap()
}

pub(super) fn key(of: SiteId) -> SigningKey {
    SigningKey::mock(of.index() as u64)
}

pub(super) fn replica(me: u8, settings: Settings, boot: Boot) -> Replica {
    boot_with(
        me,
        settings,
        Box::new(kv::Store::default()),
        boot,
        Time::ZERO,
    )
    .0
}

pub(super) fn boot_with(
    me: u8,
    settings: Settings,
    machine: Box<dyn StateMachine>,
    boot: Boot,
    now: Time,
) -> (Replica, Step<Replica>) {
    let parameters = Parameters {
        config: CONFIG,
        epoch: Epoch(0),
        resilience: Resilience::largest(FaultModel::Arbitrary, SITES).unwrap(),
        fast_path: false,
        asynchronous: maftia_ordering::Asynchronous::Never,
        seals: None,
        delivery_depth: 16,
        checkpoints: CheckpointPolicy::default(),
        pacing: Pacing::default(),
    };
    let identity = Identity {
        me: site(me),
        key: key(site(me)),
        keys: SiteId::all(SITES).map(|site| key(site).public()).collect(),
    };
    Replica::boot(parameters, settings, identity, machine, boot, now).unwrap()
}

/// A block of round 1.
pub(super) fn first_block(author: SiteId, payload: &Bytes, time_ms: u64) -> Message {
    let genesis = |site| Block::genesis(CONFIG, Epoch(0), site).reference();
    let mut parents: Vec<BlockRef> = SiteId::all(SITES).map(genesis).collect();
    parents.sort_by_key(|parent| parent.author != author);
    let vote = IndexedDigest {
        index: u64::MAX,
        digest: CONFIG,
    };
    let header = Header {
        config: CONFIG,
        epoch: Epoch(0),
        round: Round(1),
        author,
        parents,
        payload_digest: payload_digest(payload),
        payload_len: payload.len().try_into().unwrap(),
        coin_shares: Vec::new(),
        commit_vote: Some(vote),
        checkpoint_vote: Some(vote),
        time_ms,
    };
    let block = maftia_ordering::Message::Block {
        block: Block::sign(header, &key(author)),
        payload: Some(payload.clone()).filter(|payload| !payload.is_empty()),
    };
    Message::Ordering(Epoch(0), block)
}

pub(super) struct Net {
    pub(super) now: Time,
    pub(super) replicas: Vec<Replica>,
    pub(super) outputs: Vec<Vec<Output>>,
    pub(super) records: Vec<Vec<Record>>,
    /// Whose messages are lost: those of a site that the test plays itself.
    pub(super) mute: Option<SiteId>,
    queue: VecDeque<(SiteId, SiteId, Message)>,
}

impl Net {
    pub(super) fn new(settings: Settings) -> Self {
        let boot = |me: SiteId| {
            let me = u8::try_from(me.index()).unwrap();
            replica(me, settings, Boot::default())
        };
        Self {
            now: Time::ZERO,
            replicas: SiteId::all(SITES).map(boot).collect(),
            outputs: vec![Vec::new(); SITES],
            records: vec![Vec::new(); SITES],
            mute: None,
            queue: VecDeque::new(),
        }
    }

    pub(super) fn tell(&mut self, to: SiteId, from: SiteId, message: Message) {
        let event = Event::Message { from, message };
        let step = self.replicas[to.index()].handle(self.now, event);
        self.perform(to, step);
    }

    pub(super) fn perform(&mut self, at: SiteId, step: Step<Replica>) {
        self.records[at.index()].extend(step.records);
        self.outputs[at.index()].extend(step.outputs);
        for out in step.messages {
            let others = SiteId::all(SITES).filter(|site| *site != at);
            let to: Vec<SiteId> = match out.target {
                Target::All | Target::Others => others.collect(),
                Target::One(to) => vec![to],
            };
            let bytes = out.message.to_bytes();
            let message = Message::from_bytes(bytes).expect("what is sent can be read");
            for to in to.into_iter().filter(|_| self.mute != Some(at)) {
                self.queue.push_back((at, to, message.clone()));
            }
        }
    }

    /// Delivers everything, then fires the earliest deadline; `steps` times.
    pub(super) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            while let Some((from, to, message)) = self.queue.pop_front() {
                self.tell(to, from, message);
            }
            let due = SiteId::all(SITES)
                .filter_map(|site| Some((self.replicas[site.index()].next_timeout()?, site)))
                .min();
            let Some((at, site)) = due else { return };
            self.now = self.now.max(at);
            let step = self.replicas[site.index()].handle(self.now, Event::Timeout);
            self.perform(site, step);
        }
    }
}
