//! T4: a scheduler that sees a coin as soon as q − f correct shares of it exist, and then chooses what
//! the others have seen.

use std::sync::Arc;

use maftia_crypto::SigningKey;
use maftia_ordering::{
    Block, BlockRef, Committer, Dag, Header, Mode, Modes, Rule, Schedule, Verdict, payload_digest,
};
use maftia_types::{Digest, Epoch, FaultModel, Resilience, Round, SiteId};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CONFIG: Digest = Digest([6; 32]);
const ROUNDS: u64 = 240;
const SEEDS: u64 = 6;

/// What the scheduler knows of coins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sight {
    /// Each once enough correct sites have come to the round that reveals it.
    Revealed,
    /// All of them, always: the coin hides nothing.
    Everything,
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
struct Run {
    slots: u64,
    commits: u64,
    lag_max: u64,
}

struct Scheduler {
    n: usize,
    resilience: Resilience,
    dag: Dag,
    coins: Vec<SiteId>,
    sight: Sight,
    /// Whose blocks nobody cites who need not.
    hidden: Vec<SiteId>,
    rng: ChaCha8Rng,
}

impl Scheduler {
    /// The block of `author` at `round`: of the blocks below it has seen a quorum.
    fn block(&mut self, author: SiteId, round: u64, aim: bool) {
        let q = self.resilience.quorum();
        let below = self.dag.round(Round(round - 1));
        let mut others: Vec<BlockRef> = below.map(|e| e.block.reference()).collect();
        others.shuffle(&mut self.rng);
        // Before a coin shows, some sites' blocks are hidden at a venture; then those come last that
        // support the leader, or are its own.
        let hidden = |block: &BlockRef| usize::from(self.hidden.contains(&block.author));
        others.sort_by_key(hidden);
        if aim {
            others.sort_by_key(|block| self.spoils(block, round));
        }
        let own = others
            .iter()
            .position(|block| block.author == author)
            .unwrap();
        let own = others.remove(own);
        let mut parents = vec![own];
        parents.extend(others.into_iter().take(q - 1));
        let header = Header {
            config: CONFIG,
            epoch: Epoch(0),
            round: Round(round),
            author,
            parents,
            payload_digest: payload_digest(&[]),
            payload_len: 0,
            commit_vote: None,
            checkpoint_vote: None,
            time_ms: round,
            coin_shares: Vec::new(),
        };
        let key = SigningKey::mock(author.index() as u64);
        let block: Arc<Block> = Block::sign(header, &key);
        self.dag.insert(block, None, false);
    }

    /// How much a parent at `round` − 1 would help slots whose leader is seen.
    fn spoils(&self, block: &BlockRef, round: u64) -> usize {
        let lowest = round.saturating_sub(4);
        let highest = match self.sight {
            Sight::Revealed => lowest,
            Sight::Everything => round - 1,
        };
        let slots = lowest.max(1)..=highest;
        let helps = slots.map(|slot| {
            let leader = self.coins[slot as usize];
            let is_it = (block.author, block.round) == (leader, Round(slot));
            usize::from(is_it || self.dag.support(block, leader, Round(slot)).is_some())
        });
        helps.sum()
    }

    /// The first sites of a round know no more than chance has brought them, until the coin shows.
    fn round(&mut self, round: u64) {
        let mut sites: Vec<SiteId> = SiteId::all(self.n).collect();
        sites.shuffle(&mut self.rng);
        if round % 4 == 1 {
            let hidden = sites.iter().take(self.resilience.intruded_max());
            self.hidden = hidden.copied().collect();
        }
        let revealing = self.resilience.quorum() - self.resilience.intruded_max();
        for (place, site) in sites.into_iter().enumerate() {
            let sees = self.sight == Sight::Everything || place >= revealing;
            self.block(site, round, sees);
        }
    }
}

fn run(n: usize, sight: Sight, seed: u64) -> Run {
    let resilience = Resilience::largest(FaultModel::Arbitrary, n).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let site = |index: usize| SiteId::new(index as u8).unwrap();
    let coins = (0..=ROUNDS).map(|_| site(rng.random_range(0..n))).collect();
    let mut scheduler = Scheduler {
        n,
        resilience,
        dag: Dag::genesis(CONFIG, Epoch(0), n).with_support(),
        coins,
        sight,
        hidden: Vec::new(),
        rng,
    };
    let rule = Rule::new(resilience, false).unwrap();
    let nobody = Schedule::fixed(vec![site(0)]);
    let committer = Committer::new(rule, nobody, Round(0));
    let mut committer = committer.with_modes(Modes::all(Mode::A));
    for (round, leader) in (0..).map(Round).zip(&scheduler.coins) {
        committer.learn_coin(round, *leader);
    }
    let (mut commits, mut lag_max) = (0, 0);
    for round in 1..=ROUNDS {
        scheduler.round(round);
        for (_, verdict) in committer.advance(&scheduler.dag).unwrap() {
            commits += u64::from(matches!(verdict, Verdict::Commit(_)));
        }
        lag_max = lag_max.max(round - committer.settled().0);
    }
    Run {
        slots: ROUNDS,
        commits,
        lag_max,
    }
}

#[test]
fn t04_commits_recur_although_the_scheduler_sees_each_coin_that_is_revealed() {
    for n in [4, 7] {
        for seed in 0..SEEDS {
            let run = run(n, Sight::Revealed, seed);
            println!("n={n} seed {seed}: {run:?}");
            let rate = run.commits as f64 / run.slots as f64;
            assert!(rate > 1.0 / n as f64, "n={n} seed {seed}: {run:?}");
            assert!(run.lag_max < 60, "n={n} seed {seed}: {run:?}");
        }
    }
}

/// The control: the same scheduler has teeth where nothing is hidden from it.
#[test]
fn t04_the_scheduler_would_do_more_if_it_knew_the_coins_beforehand() {
    let commits = |sight| {
        (0..SEEDS)
            .map(|seed| run(4, sight, seed).commits)
            .sum::<u64>()
    };
    let (knowing, seeing) = (commits(Sight::Everything), commits(Sight::Revealed));
    println!("{knowing} instead of {seeing}");
    assert!(10 * knowing < 8 * seeing, "{knowing} instead of {seeing}");
}
