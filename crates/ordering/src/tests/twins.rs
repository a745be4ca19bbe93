//! What hostile authors show to one site only must reach the others when a correct site's word
//! depends on it, whatever room they have filled there (correction 5, `heads.rs`, `accept.rs`).

use std::sync::Arc;

use super::blocks::*;
use super::harness::*;
use crate::heads::PASSED_ON_MAX;
use crate::*;
use bytes::Bytes;
use maftia_protocol::{Event, Protocol, Step, plant};
use maftia_types::{Digest, Epoch, Round, SiteId, Time};

fn hears(engine: &mut Engine, from: SiteId, block: &Arc<Block>) -> Step<Engine> {
    let message = Message::Block {
        block: Arc::clone(block),
        payload: None,
    };
    engine.handle(Time::ZERO, Event::Message { from, message })
}

/// Seven sites, of which two are hostile: the author of many twins, and who passes them on.
struct Seven {
    leader: usize,
    one: usize,
    other: usize,
    author: usize,
    relay: usize,
    /// Round 1 of all but the relay, and round 2 of the correct ones: of these the leader's own
    /// block votes for it, the other four do not, and a skip takes five.
    dag: Dag,
}

impl Seven {
    fn new() -> Self {
        let schedule = Schedule::permuted(CONFIG, Epoch(0), 7);
        let leader = schedule.leader(Round(1)).index();
        let rest: Vec<usize> = (0..7).filter(|site| *site != leader).collect();
        let [one, other, third, fourth, author, relay] = rest[..] else {
            unreachable!("six are left");
        };
        let mut dag = Dag::genesis(CONFIG, Epoch(0), 7);
        for site in [leader, one, other, third, fourth, author] {
            add(&mut dag, site, 1, &[0, 1, 2, 3, 4, 5, 6]);
        }
        for site in [one, other, third, fourth] {
            add(&mut dag, site, 2, &[one, other, third, fourth, author]);
        }
        add(&mut dag, leader, 2, &[leader, one, other, third, fourth]);
        Self {
            leader,
            one,
            other,
            author,
            relay,
            dag,
        }
    }

    fn engine(&self, me: usize) -> Engine {
        let mut engine = Engine::boot(parameters(7), identity(7, me), fresh_boot(), Time::ZERO).0;
        engine.dag = self.dag.clone();
        engine
    }

    /// The author's block at round 2 that votes for the leader or does not.
    fn twin(&self, votes: bool, time_ms: u64) -> Arc<Block> {
        let mut parents = at_round(&self.dag, 1);
        let left_out = if votes { self.one } else { self.leader };
        parents.retain(|parent| parent.author.index() != left_out);
        let header = header(self.author, 2, own_first(self.author, &parents));
        Block::sign(Header { time_ms, ..header }, &key(self.author))
    }
}

fn id(of: usize) -> SiteId {
    site(of as u8)
}

/// How far the other site comes once it has asked the one.
fn settled_by_the_other() -> Round {
    let group = Seven::new();
    let (author, relay) = (id(group.author), id(group.relay));
    let (mut one, mut other) = (group.engine(group.one), group.engine(group.other));
    let _ = hears(&mut one, author, &group.twin(true, 11));
    let _ = hears(&mut one, author, &group.twin(true, 12));
    assert_eq!(one.frontier().settled, Round(0));
    let _ = hears(&mut one, relay, &group.twin(false, 13));
    assert_eq!(
        one.frontier().settled,
        Round(1),
        "the fifth that does not vote"
    );
    for (from, twins) in [(author, 21..23), (relay, 31..40)] {
        for time_ms in twins {
            let _ = hears(&mut other, from, &group.twin(true, time_ms));
        }
    }
    let held = other.dag().slot(author, Round(2)).len();
    assert_eq!(
        held,
        2 + PASSED_ON_MAX,
        "its own two, and the relay's share"
    );
    let from = id(group.other);
    let knowledge = Knowledge {
        tips: vec![Round(2); 7],
        base: Round(0),
        settled: Round(0),
        ask: true,
    };
    let message = Message::Knowledge(knowledge);
    let step = one.handle(Time::ZERO, Event::Message { from, message });
    for out in step.messages {
        if let Message::Block { block, .. } = out.message {
            let _ = hears(&mut other, id(group.one), &block);
        }
    }
    other.frontier().settled
}

/// One site has skipped a slot with the third twin that it knows of an author; no block builds on it,
/// and another has no room left for what hostile sites send of that slot.
#[test]
fn correction_5_with_two_hostile_sites_a_twin_that_decides_reaches_all() {
    assert_eq!(settled_by_the_other(), Round(1));
    let wrong = plant("deciders not passed on", settled_by_the_other);
    assert_eq!(wrong, Round(0), "it would stay behind for ever");
}

/// A site restarts from its log: which twins have decided it finds out again.
#[test]
fn what_a_verdict_rests_on_is_known_again_after_a_start() {
    let group = Seven::new();
    let mut dag = group.dag.clone();
    let twins = [(true, 11), (true, 12), (false, 13)];
    let twins = twins.map(|(votes, time_ms)| group.twin(votes, time_ms));
    for twin in &twins {
        assert!(dag.insert(Arc::clone(twin), None, false));
    }
    let resilience = parameters(7).resilience;
    let schedule = Schedule::permuted(CONFIG, Epoch(0), 7);
    let rule = Rule::new(resilience, false).unwrap();
    let mut committer = Committer::new(rule, schedule, Round(1));
    committer.recall(&dag, Round(0));
    let decides = |twin: &Arc<Block>| committer.is_decider(Round(2), &twin.reference());
    assert_eq!(twins.each_ref().map(decides), [false, false, true]);
}

/// A hostile author has filled its room at a site with blocks whose parents do not exist.
#[test]
fn made_up_blocks_do_not_keep_out_what_a_correct_block_builds_on() {
    let is_accepted = || {
        let mut engine = Engine::boot(parameters(4), identity(4, 0), fresh_boot(), Time::ZERO).0;
        let hidden = chain_of(&mut engine, 2);
        // Two of a slot, until no more are taken; then what they wait for.
        let below = |number| made_up(20 + number / 2 * 2, number, CONFIG);
        for number in 0..40 {
            let above = made_up(21 + number / 2 * 2, number, below(number).digest());
            let _ = hears(&mut engine, site(3), &above);
        }
        for number in 0..40 {
            let _ = hears(&mut engine, site(3), &below(number));
        }
        accepts_what_builds_on(&mut engine, &hidden)
    };
    assert!(is_accepted());
    assert!(!plant("waiting blocks counted by author only", is_accepted));
}

/// A hostile author has filled its room at a site with payloads of blocks that wait for ever.
#[test]
fn made_up_payloads_do_not_keep_out_that_of_a_block_whose_parents_are_here() {
    let is_accepted = || {
        let mut engine = Engine::boot(parameters(4), identity(4, 0), fresh_boot(), Time::ZERO).0;
        let payload = vec![7; PAYLOAD_BYTES_MAX];
        let mut hears = |block: Header| {
            let block = Block::sign(with_payload(block, &payload), &key(3));
            let reference = block.reference();
            let message = Message::Block {
                block,
                payload: Some(Bytes::from(payload.clone())),
            };
            let from = site(3);
            let _ = engine.handle(Time::ZERO, Event::Message { from, message });
            engine.dag().contains(&reference)
        };
        for number in 0..2 {
            assert!(!hears(made_up(50, number, CONFIG).header().clone()));
        }
        hears(header(3, 1, own_first(3, &at_round(&genesis(), 0))))
    };
    assert!(is_accepted());
    assert!(!plant("payloads kept out", is_accepted));
}

/// A hostile author has shown a chain of blocks to one site only, longer than any room.
#[test]
fn a_long_chain_that_one_site_was_shown_is_fetched_to_its_beginning() {
    let is_accepted = || {
        let parameters = Parameters {
            delivery_depth: 128,
            ..parameters(4)
        };
        let mut engine = Engine::boot(parameters, identity(4, 0), fresh_boot(), Time::ZERO).0;
        let hidden = chain_of(&mut engine, 100);
        accepts_what_builds_on(&mut engine, &hidden)
    };
    assert_eq!(2 * parameters(4).resilience.novelty_budget(), 64);
    assert!(is_accepted());
    assert!(!plant("waiting blocks counted by author only", is_accepted));
}

/// Three sites have made so many rounds without the fourth; gives the fourth's blocks, which this
/// site has not seen.
fn chain_of(engine: &mut Engine, rounds: u64) -> Vec<Arc<Block>> {
    let mut all = genesis();
    let mut hidden = Vec::new();
    engine.dag = genesis();
    for round in 1..=rounds {
        let own = add(&mut all, 3, round, &[0, 1, 3]);
        hidden.push(own);
        for author in 0..3 {
            let block = add(&mut all, author, round, &[0, 1, 2]);
            assert!(engine.dag.insert(block, None, false));
        }
    }
    hidden
}

/// A block of site 3 that waits for ever, above an own one with that digest.
fn made_up(round: u64, time_ms: u64, own: Digest) -> Arc<Block> {
    let parent = |author: u8| BlockRef {
        author: site(author),
        round: Round(round - 1),
        digest: if author == 3 { own } else { CONFIG },
    };
    let header = header(3, round, [3, 0, 1, 2].map(parent).to_vec());
    Block::sign(Header { time_ms, ..header }, &key(3))
}

/// Site 1 cites the last of the hidden blocks, and answers all that is asked about them.
fn accepts_what_builds_on(engine: &mut Engine, hidden: &[Arc<Block>]) -> bool {
    let round = hidden.len() as u64;
    let mut parents = at_round(engine.dag(), round);
    parents.push(hidden.last().unwrap().reference());
    let citing = Block::sign(header(1, round + 1, own_first(1, &parents)), &key(1));
    let _ = hears(engine, site(1), &citing);
    for _ in 0..1000 {
        let Some(now) = engine.next_timeout() else {
            break;
        };
        let mut wanted = Vec::new();
        let mut step = engine.handle(now, Event::Timeout);
        while let Some(out) = step.messages.pop() {
            if let Message::Fetch { blocks, .. } = out.message {
                wanted.extend(blocks);
            }
        }
        for own in hidden
            .iter()
            .filter(|own| wanted.contains(&own.reference()))
        {
            let _ = hears(engine, site(1), own);
        }
        if engine.dag().contains(&citing.reference()) {
            return true;
        }
    }
    false
}

/// Seven sites, of which two make up to seven blocks a round, and everybody cites what luck shows it.
fn crowded(luck: &mut Luck, rounds: u64) -> Dag {
    let mut dag = Dag::genesis(CONFIG, Epoch(0), 7);
    for round in 1..=rounds {
        for author in 0..7 {
            let blocks = if author < 5 { 1 } else { luck.below(8) };
            for time_ms in 0..blocks as u64 {
                let mut parents: Vec<BlockRef> = Vec::new();
                let spared = luck.below(8);
                for of in (0..7).filter(|of| *of != spared || *of == author) {
                    let slot = dag.slot(id(of), Round(round - 1));
                    // A correct site has one block, and what it knows of a crowd is mostly the same.
                    let place = luck.below(2 * slot.len().max(1));
                    let known = slot.get(place).or_else(|| slot.first());
                    parents.extend(known.map(|entry| entry.block.reference()));
                }
                let header = header(author, round, own_first(author, &parents));
                let time_ms = round * 10 + time_ms;
                let block = Block::sign(Header { time_ms, ..header }, &key(author));
                let alone = crate::validity::check_alone(&parameters(7), block.header());
                let valid = crate::validity::check_parents(&dag, None, &block);
                if alone.is_ok() && valid.is_ok() {
                    dag.insert(block, None, false);
                }
            }
        }
    }
    dag
}

/// A reproducible source of numbers.
struct Luck(u64);

impl Luck {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// What a site has that got nothing but what is passed on, and what these blocks build on.
fn passed_on(dag: &Dag, decides: impl Fn(&BlockRef) -> bool) -> Dag {
    let mut kept = std::collections::BTreeSet::new();
    for slot in dag.slots(Round(1)) {
        let chosen = slot.iter().map(|entry| entry.block.reference()).enumerate();
        let chosen = chosen.filter(|(place, block)| *place < 2 || decides(block));
        kept.extend(chosen.map(|(_, block)| block));
    }
    let mut newest_first: Vec<_> = dag.from(Round(1)).collect();
    newest_first.reverse();
    for entry in newest_first {
        if kept.contains(&entry.block.reference()) {
            kept.extend(entry.block.header().parents.iter().copied());
        }
    }
    let mut lesser = Dag::genesis(CONFIG, Epoch(0), 7);
    for entry in dag.from(Round(1)) {
        if kept.contains(&entry.block.reference()) {
            lesser.insert(Arc::clone(&entry.block), None, false);
        }
    }
    lesser
}

fn what_is_passed_on_settles_as_much(fast_path: bool) {
    let (mut luck, mut needed) = (Luck(88), 0);
    for _ in 0..3000 {
        let dag = crowded(&mut luck, 7);
        let rule = Rule::new(parameters(7).resilience, fast_path).unwrap();
        let schedule = Schedule::permuted(CONFIG, Epoch(0), 7);
        let mut committer = Committer::new(rule, schedule.clone(), Round(0));
        let all = committer.advance(&dag).unwrap();
        let again = |dag: &Dag| {
            let mut committer = Committer::new(rule, schedule.clone(), Round(0));
            committer.advance(dag).unwrap()
        };
        let deciders = |block: &BlockRef| committer.is_decider(block.round, block);
        assert_eq!(again(&passed_on(&dag, deciders)), all);
        needed += usize::from(again(&passed_on(&dag, |_| false)) != all);
        for slot in dag.slots(Round(1)) {
            let deciders = slot.iter().filter(|own| deciders(&own.block.reference()));
            assert!(deciders.count() <= crate::rule::DECIDERS_MAX);
        }
    }
    assert!(needed > 0, "no crowd in which a decider matters");
}

#[test]
fn what_is_passed_on_settles_as_much_as_all_that_is_held() {
    what_is_passed_on_settles_as_much(false);
}

#[test]
fn what_is_passed_on_settles_as_much_with_the_fast_path() {
    what_is_passed_on_settles_as_much(true);
}

/// A sender's share is full, and then it brings ever older blocks of a chain, each wanted by the one
/// above, each with parents that do not exist.
#[test]
fn blocks_that_made_room_leave_nothing_that_is_wanted_for_them() {
    let missing = || {
        let parameters = Parameters {
            delivery_depth: 1024,
            ..parameters(4)
        };
        let mut engine = Engine::boot(parameters, identity(4, 0), fresh_boot(), Time::ZERO).0;
        engine.dag = genesis();
        let mut blocks = Vec::new();
        let mut own = CONFIG;
        for round in 2..400 {
            let block = made_up(round, round, own);
            own = block.digest();
            blocks.push(block);
        }
        for block in blocks.iter().rev() {
            let _ = hears(&mut engine, site(1), block);
        }
        engine.suspended.missing()
    };
    // Of each block that is held, a parent by each of four sites.
    let most = 4 * 2 * parameters(4).resilience.novelty_budget();
    let kept = missing();
    assert!(kept <= most, "{kept}");
    let leaked = plant("evicted blocks leave their wants", missing);
    assert!(leaked > 2 * most, "{leaked}");
}
