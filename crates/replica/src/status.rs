use maftia_ordering::{Equivocation, Standing};
use maftia_types::{Digest, Round, SiteId};

use crate::replica::Replica;
use crate::transfer::Fetch;

/// How a site stands. Plain values; what they mean for the group is for the caller to work out.
#[derive(Clone, Debug)]
pub struct Status {
    /// What the site is doing.
    pub activity: Activity,
    /// Last commit.
    pub commit: u64,
    /// C_k of the last commit.
    pub commit_digest: Digest,
    /// Requests executed.
    pub position: u64,
    /// Last settled round.
    pub settled: Round,
    /// Highest round of an accepted block.
    pub tip: Round,
    /// Newest stable checkpoint: its commit and digest.
    pub checkpoint: Option<(u64, Digest)>,
    /// Per site, the highest round of an accepted block of its.
    pub newest: Vec<Round>,
    /// Sites convicted by proof.
    pub convicted: Vec<SiteId>,
    /// Bytes waiting for this site's next blocks.
    pub draft_bytes: usize,
    /// Requests waiting for vouches.
    pub open_vouches: usize,
}

/// What a site is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// Voting and serving.
    Serving,
    /// Its log was lost; it asks the others before it signs again.
    Recovering,
    /// It is fetching a checkpoint: chunks here, chunks in all.
    Fetching(usize, usize),
    /// No member yet, or no more: it follows the log.
    Joining,
    /// Its state was found to differ.
    Diverged,
    /// An alarm has stopped it.
    Halted,
}

impl Status {
    pub(crate) fn of(replica: &Replica) -> Self {
        let engine = &replica.engine;
        let newest = |site| {
            engine
                .dag()
                .newest(site)
                .map_or(Round(0), |e| e.block.round())
        };
        Self {
            activity: activity(replica),
            commit: engine.frontier().index,
            commit_digest: engine.frontier().digest,
            position: replica.ledger.position(),
            settled: engine.frontier().settled,
            tip: engine.dag().tip(),
            checkpoint: replica
                .checkpoints
                .stable()
                .map(|stable| (stable.index, stable.digest)),
            newest: SiteId::all(replica.keys.len()).map(newest).collect(),
            convicted: replica.ledger.convicted().keys().copied().collect(),
            draft_bytes: engine.draft_bytes(),
            open_vouches: replica.ledger.open_vouches(),
        }
    }
}

fn activity(replica: &Replica) -> Activity {
    if replica.engine.is_halted() {
        return Activity::Halted;
    }
    if let Some(fetch) = &replica.fetch {
        let (here, all) = Fetch::progress(fetch);
        return Activity::Fetching(here, all);
    }
    if replica.is_hollow() {
        return Activity::Fetching(0, 0);
    }
    match (replica.diverged, replica.engine.standing()) {
        (true, _) => Activity::Diverged,
        (false, Standing::Observing) => Activity::Joining,
        (false, Standing::Recovering { .. }) => Activity::Recovering,
        (false, Standing::Active | Standing::Returning { .. }) => Activity::Serving,
    }
}

impl Replica {
    /// The proofs that convict sites.
    pub fn evidence(&self) -> impl Iterator<Item = &Equivocation> {
        self.ledger.convicted().values()
    }
}
