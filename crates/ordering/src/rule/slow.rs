//! The S rule, slow path: known leaders, wave of three rounds (`protocols.md` §2.3, `fast_path`
//! off, as repaired by correction 1).
//!
//! Vocabulary: a block at r+1 *votes* for the leader block L of round r if L is among its strong
//! parents; a block at r+2 *certifies* L if at least q_sp of its strong parents' authors vote for
//! L. All counts are of authors.
//!
//! - S1 commit L if q_sp authors have a block at r+2 that certifies L. Two certified candidates
//!   would need two quorums of voters, which share a correct site; it makes one block a round.
//! - S2 skip if q authors have a block at r+1 that votes for no candidate. Then at most
//!   n − q + f < q_sp authors can vote for any one candidate, ever.
//! - S3 from an anchor at r+3 or above: commit the L that some r+2 block in the anchor's history
//!   certifies, else skip. If S1 held anywhere, q_sp certifying authors and the anchor's q parents
//!   share a correct one, so the anchor sees a certificate. No evidence clause (correction 1).

use maftia_protocol::planted;
use maftia_types::{Resilience, Round, SiteId, SiteSet};

use crate::block::BlockRef;
use crate::dag::{Dag, Entry};
use crate::history::History;

/// w_S: rounds from a leader block to the blocks that certify it, both included.
pub(crate) const WAVE: u64 = 3;

/// What a slot has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// This block is committed in its slot.
    Commit(BlockRef),
    /// No block will ever be committed in this slot.
    Skip,
    /// Not known yet.
    Undecided,
}

/// S1 and S2: what the blocks of rounds r+1 and r+2 say about slot r.
pub(crate) fn direct(dag: &Dag, resilience: &Resilience, leader: SiteId, round: Round) -> Verdict {
    let q_sp = slow_quorum(resilience);
    let few_certifiers = dag.authors(round.plus(2)).len() < q_sp;
    for candidate in dag.slot(leader, round).iter().filter(|_| !few_certifiers) {
        let candidate = candidate.block.reference();
        let certifiers = dag
            .round(round.plus(2))
            .filter(|x| certifies(dag, x, &candidate, q_sp));
        if count(certifiers) >= q_sp {
            return Verdict::Commit(candidate); // S1
        }
    }
    if planted("skip before all votes are in")
        && dag.slot(leader, round).is_empty()
        && dag.authors(round.plus(1)).len() >= 2
    {
        return Verdict::Skip;
    }
    let needed = resilience.quorum() - usize::from(planted("skip quorum less one"));
    let blank = dag
        .round(round.plus(1))
        .filter(|x| vote(x, leader, round).is_none());
    if dag.authors(round.plus(1)).len() >= needed && count(blank) >= needed {
        return Verdict::Skip; // S2
    }
    Verdict::Undecided
}

/// S3: what the history of a committed anchor says about slot r. Ties go to the least digest;
/// there are none while at most f sites are faulty.
pub(crate) fn indirect(
    dag: &Dag,
    resilience: &Resilience,
    history: &History,
    leader: SiteId,
    round: Round,
) -> Verdict {
    let q_sp = slow_quorum(resilience);
    let q_sp = if planted("indirect accepts any vote") {
        1
    } else {
        q_sp
    };
    dag.slot(leader, round)
        .iter()
        .map(|candidate| candidate.block.reference())
        .filter(|candidate| history.contains(candidate))
        .filter(|candidate| {
            dag.round(round.plus(2))
                .filter(|x| history.contains(&x.block.reference()))
                .any(|x| certifies(dag, x, candidate, q_sp))
        })
        .min_by_key(|candidate| candidate.digest)
        .map_or(Verdict::Skip, Verdict::Commit)
}

/// Whether a slot's leader is settled enough for the next blocks not to wait for it (clause C1):
/// q_sp voters for one candidate are in, or the skip pattern holds.
pub(crate) fn leader_is_judged(
    dag: &Dag,
    resilience: &Resilience,
    leader: SiteId,
    round: Round,
) -> bool {
    let votes = round.plus(1);
    let voted = dag.slot(leader, round).iter().any(|candidate| {
        let candidate = candidate.block.reference();
        count(dag.round(votes).filter(|x| x.block.has_parent(&candidate)))
            >= resilience.slow_path_quorum()
    });
    let blank = dag
        .round(votes)
        .filter(|x| vote(x, leader, round).is_none());
    voted || count(blank) >= resilience.quorum()
}

/// The candidate of slot r that a block at r+1 votes for.
fn vote(entry: &Entry, leader: SiteId, round: Round) -> Option<&BlockRef> {
    entry
        .block
        .strong_parents()
        .find(|parent| parent.author == leader && parent.round == round)
}

fn certifies(dag: &Dag, x: &Entry, candidate: &BlockRef, q_sp: usize) -> bool {
    let voters = x
        .block
        .strong_parents()
        .filter_map(|parent| dag.get(parent))
        .filter(|voter| voter.block.has_parent(candidate));
    count(voters) >= q_sp
}

fn count<'a>(entries: impl Iterator<Item = &'a Entry>) -> usize {
    if planted("blocks counted instead of authors") {
        return entries.count();
    }
    entries
        .map(|entry| entry.block.author())
        .collect::<SiteSet>()
        .len()
}

fn slow_quorum(resilience: &Resilience) -> usize {
    resilience.slow_path_quorum() - usize::from(planted("slow path quorum less one"))
}
