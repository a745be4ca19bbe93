//! A state machine that makes ready for the next committee as the keyed services do, without their
//! cryptography: each seat has a share, which is the key of who holds it. A sharing for the next
//! committee is made once a quorum of the members has spoken since it began.

use std::sync::Arc;

use bytes::Bytes;
use maftia_activity::kv;
use maftia_activity::replication::{
    Context, NextCommittee, PrepareError, RestoreError, SiteContext, Snapshot, StateMachine,
    root_of,
};
use maftia_codec::{Reader, Wire, Writer};
use maftia_crypto::{Domain, PublicKey};
use maftia_types::{Digest, FaultModel, Resilience, SITES_MAX, SiteSet};

/// First byte of the question who holds the shares, and of this machine's chunk.
pub(crate) const SEATS: u8 = 0x42;

const CHUNK: Domain = Domain::new("seats chunk");

/// Commits that a sharing takes at least.
const COMMITS: u64 = 3;

/// A key-value store, and who holds what.
pub(crate) struct Seats {
    store: kv::Store,
    own: Shares,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shares {
    pub(crate) epoch: u64,
    resilience: Resilience,
    /// By seat.
    pub(crate) held: Vec<PublicKey>,
    next: Option<Sharing>,
    commit: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Sharing {
    begun: u64,
    resilience: Resilience,
    held: Vec<PublicKey>,
    spoken: SiteSet,
}

impl Seats {
    pub(crate) fn new(held: Vec<PublicKey>, resilience: Resilience) -> Self {
        Self {
            store: kv::Store::default(),
            own: Shares {
                epoch: 0,
                resilience,
                held,
                next: None,
                commit: 0,
            },
        }
    }
}

impl StateMachine for Seats {
    fn apply(&mut self, context: &Context, operation: &Bytes, reply: &mut Vec<u8>) {
        if operation.first() == Some(&SEATS) {
            reply.extend_from_slice(&self.own.to_bytes());
        } else {
            self.store.apply(context, operation, reply);
        }
    }

    fn snapshot(&mut self) -> Arc<dyn Snapshot> {
        let store = self.store.snapshot();
        let mut own = vec![SEATS];
        own.extend_from_slice(&self.own.to_bytes());
        let own = Bytes::from(own);
        let mut manifest = store.manifest().to_vec();
        manifest.push(CHUNK.digest(&own));
        Arc::new(Frozen {
            store,
            own,
            manifest,
        })
    }

    fn restore(&mut self, chunks: &[Bytes]) -> Result<(), RestoreError> {
        let reason = "the last chunk says who holds what";
        let chunk = chunks.len().saturating_sub(1);
        let malformed = RestoreError::Malformed { chunk, reason };
        let (own, store) = chunks.split_last().ok_or(malformed)?;
        if own.first() != Some(&SEATS) {
            return Err(malformed);
        }
        let own = Shares::from_bytes(own.slice(1..)).map_err(|_| malformed)?;
        self.store.restore(store)?;
        self.own = own;
        Ok(())
    }

    fn chunk_digest(&self, chunk: &Bytes) -> Option<Digest> {
        match chunk.first() {
            Some(&SEATS) => Some(CHUNK.digest(chunk)),
            _ => self.store.chunk_digest(chunk),
        }
    }

    fn vote(&mut self, context: &SiteContext, _: u64, _: Digest) {
        if let Some(next) = &mut self.own.next {
            next.spoken.insert(context.site);
        }
    }

    fn tick(&mut self, commit: u64, _: u64) {
        self.own.commit = commit;
    }

    fn prepare(&mut self, next: &NextCommittee, commit: u64, _: u64) -> Result<(), PrepareError> {
        let all: Vec<PublicKey> = self.own.held.iter().chain(&next.joiners).copied().collect();
        let held = next.members.iter().map(|site| all[site.index()]);
        assert_eq!(next.epoch.0, self.own.epoch + 1, "epochs follow each other");
        self.own.next = Some(Sharing {
            begun: commit,
            resilience: next.resilience,
            held: held.collect(),
            spoken: SiteSet::EMPTY,
        });
        Ok(())
    }

    fn is_prepared(&self) -> bool {
        let resilience = self.own.resilience;
        let quorum = resilience.sites() - resilience.intruded_max();
        self.own.next.as_ref().is_some_and(|next| {
            next.spoken.len() >= quorum && self.own.commit >= next.begun + COMMITS
        })
    }

    fn abandon(&mut self) {
        self.own.next = None;
    }

    fn enter(&mut self) {
        assert!(self.is_prepared(), "nobody enters what is not prepared");
        let next = self.own.next.take().expect("what is prepared was begun");
        (self.own.held, self.own.resilience) = (next.held, next.resilience);
        self.own.epoch += 1;
    }
}

impl Wire for Shares {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.epoch);
        write(w, self.resilience, &self.held);
        w.u64(self.commit);
        w.bool(self.next.is_some());
        if let Some(next) = &self.next {
            w.u64(next.begun);
            write(w, next.resilience, &next.held);
            w.length(next.spoken.len());
            next.spoken.iter().for_each(|site| w.site(site));
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, maftia_codec::DecodeError> {
        let epoch = r.u64()?;
        let (resilience, held) = read(r)?;
        let commit = r.u64()?;
        let next = if r.bool()? {
            let begun = r.u64()?;
            let (resilience, held) = read(r)?;
            let spoken = (0..r.length("spoken", SITES_MAX)?).map(|_| r.site());
            Some(Sharing {
                begun,
                resilience,
                held,
                spoken: spoken.collect::<Result<SiteSet, _>>()?,
            })
        } else {
            None
        };
        Ok(Self {
            epoch,
            resilience,
            held,
            next,
            commit,
        })
    }
}

fn write(w: &mut Writer, resilience: Resilience, held: &[PublicKey]) {
    w.u64(resilience.intruded_max() as u64);
    w.length(held.len());
    held.iter().for_each(|key| key.encode(w));
}

fn read(r: &mut Reader) -> Result<(Resilience, Vec<PublicKey>), maftia_codec::DecodeError> {
    let f = r.u64()? as usize;
    let held = (0..r.length("held", SITES_MAX)?).map(|_| PublicKey::decode(r));
    let held = held.collect::<Result<Vec<_>, _>>()?;
    let resilience = Resilience::new(FaultModel::Arbitrary, held.len(), f, 0);
    let resilience = resilience.map_err(|_| maftia_codec::DecodeError::Invalid { field: "n" })?;
    Ok((resilience, held))
}

struct Frozen {
    store: Arc<dyn Snapshot>,
    own: Bytes,
    manifest: Vec<Digest>,
}

impl Snapshot for Frozen {
    fn root(&self) -> Digest {
        root_of(&self.manifest)
    }

    fn manifest(&self) -> &[Digest] {
        &self.manifest
    }

    fn chunk(&self, index: usize) -> Option<Bytes> {
        if index + 1 == self.manifest.len() {
            Some(self.own.clone())
        } else {
            self.store.chunk(index)
        }
    }
}
