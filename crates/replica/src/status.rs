use maftia_membership::accusations::Official;
use maftia_membership::detector::{Level, Reason};
use maftia_membership::evidence;
use maftia_ordering::Standing;
use maftia_types::{Digest, Round, SiteId, SiteSet};

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
    /// What this site holds of each other.
    pub levels: Vec<(SiteId, Level)>,
    /// Whom the group suspects.
    pub suspected: Vec<GroupSuspicion>,
    /// Bytes waiting for this site's next blocks.
    pub draft_bytes: usize,
    /// Requests waiting for vouches.
    pub open_vouches: usize,
}

/// A suspicion that f+1 sites have put into the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupSuspicion {
    /// Who is suspected.
    pub site: SiteId,
    /// What most of the accusers say; the first of these by name.
    pub reason: Reason,
    /// Who accuses it now.
    pub accusers: SiteSet,
    /// Since when, and how lately it was renewed.
    pub official: Official,
}

/// What a site is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// Voting and serving.
    Serving,
    /// It asks the others before it signs again, its log being lost; or it knows from which round it
    /// may, and has not yet: until it does, the others go on without it.
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
        let conduct = replica.ledger.conduct();
        let levels = replica.watch.iter().flat_map(|own| own.detector().levels());
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
            convicted: conduct.convicted(&replica.keys).iter().collect(),
            levels: levels.collect(),
            suspected: suspected(replica),
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
        (false, Standing::Recovering { .. } | Standing::Returning { .. }) => Activity::Recovering,
        (false, Standing::Active) => Activity::Serving,
    }
}

fn suspected(replica: &Replica) -> Vec<GroupSuspicion> {
    let accusations = replica.ledger.conduct().accusations();
    let of = |(site, official)| {
        let says = |reason| {
            let said = accusations
                .against(site)
                .filter(|(_, own)| own.reason == reason);
            said.count()
        };
        let most = Reason::ALL
            .into_iter()
            .rev()
            .max_by_key(|reason| says(*reason));
        GroupSuspicion {
            site,
            reason: most.unwrap_or(Reason::Mute),
            accusers: accusations.against(site).map(|(by, _)| by).collect(),
            official,
        }
    };
    accusations.official().map(of).collect()
}

impl Replica {
    /// The proofs in the ordered state.
    pub const fn evidence(&self) -> &evidence::Store {
        self.ledger.conduct().evidence()
    }
}
