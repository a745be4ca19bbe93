//! What intruded members, joiners and clients try on a change.

use maftia_codec::Wire;
use maftia_codec::Writer;
use maftia_membership::handover::{Handover, Misbehaviour as Wrong};
use maftia_membership::{Certificate, Change};
use maftia_ordering::Knowledge;
use maftia_types::{Digest, Epoch, Round, SiteId};

use super::super::harness::CONFIG;
use super::change::replace;
use super::machine::key;
use super::world::World;
use crate::epochs::word::WORDS_PER_BLOCK_MAX;
use crate::{Item, Message, Misbehaviour, Passage, Saying, Word};

/// A group that waits for machine 4, which is not there.
fn waiting() -> World {
    let mut world = World::new(4, false);
    world.put("before");
    world.run(60);
    world.propose(replace("s2", 4), None);
    world
}

fn word(signer: usize, proposal: u64, config: Digest) -> Item {
    let joiner = SiteId::new(4).unwrap();
    let word = Word::sign((joiner, proposal), Saying::Ready, &config, &key(signer));
    Item::Word(Box::new(word))
}

/// Machine 1 puts that into one block of its own.
fn smuggle(world: &mut World, words: &[Item]) {
    let now = world.now;
    let engine = &mut world.machines[1].replica.engine;
    for word in words {
        let mut writer = Writer::new();
        word.encode(&mut writer);
        engine.submit(writer.as_slice()).unwrap();
    }
    engine.wake(now);
    world.put("with it");
    world.finish();
}

fn is_ready(world: &World) -> bool {
    let own = &world.machines[0];
    let pending = own.replica.membership().and_then(|state| state.pending());
    own.epoch() == 1 || !pending.unwrap().ready.is_empty()
}

#[test]
fn no_word_but_the_joiners_own_about_this_change_counts() {
    let mut world = waiting();
    for false_word in [
        word(1, 1, CONFIG),
        word(4, 2, CONFIG),
        word(4, 1, Digest([2; 32])),
    ] {
        smuggle(&mut world, &[false_word]);
        assert!(!is_ready(&world));
    }
    smuggle(&mut world, &[word(4, 1, CONFIG), word(4, 1, CONFIG)]);
    assert!(is_ready(&world));
}

#[test]
fn words_of_a_block_are_looked_at_up_to_a_bound() {
    let mut world = waiting();
    let mut words = vec![word(1, 1, CONFIG); 5000];
    words[WORDS_PER_BLOCK_MAX] = word(4, 1, CONFIG);
    smuggle(&mut world, &words);
    assert!(!is_ready(&world), "one too many");
    words[WORDS_PER_BLOCK_MAX - 1] = word(4, 1, CONFIG);
    smuggle(&mut world, &words);
    assert!(is_ready(&world));
}

#[test]
fn a_joiner_cannot_speak_as_another_or_fill_the_blocks_of_members() {
    let mut world = waiting();
    world.invite(0);
    world.machines[4].off = true;
    let before = world.machines[0].replica.engine.draft_bytes();
    for _ in 0..100 {
        let Item::Word(own) = word(1, 1, CONFIG) else {
            unreachable!("it is a word");
        };
        world.tell(0, 4, Message::Passage(Passage::Word(own)));
    }
    assert_eq!(world.machines[0].replica.engine.draft_bytes(), before);
    for _ in 0..100 {
        let Item::Word(own) = word(4, 1, CONFIG) else {
            unreachable!("it is a word");
        };
        world.tell(0, 4, Message::Passage(Passage::Word(own)));
    }
    let after = world.machines[0].replica.engine.draft_bytes();
    assert!(
        after - before < 2048,
        "eight in the time of a commit: {after}"
    );
}

#[test]
fn a_false_vote_for_the_next_view_is_blamed() {
    let mut world = waiting();
    world.lost =
        Box::new(|_, _, message| matches!(message, Message::Passage(Passage::Vote { .. })));
    smuggle(&mut world, &[word(4, 1, CONFIG)]);
    world.run_until("in the next epoch", |own| own.is_in(1));
    let state = world.machines[0].replica.membership().unwrap();
    let own = state.handover().unwrap();
    let other = Handover {
        commit: own.commit + 1,
        ..own.clone()
    };
    let seat = SiteId::new(1).unwrap();
    world.machines[0].may_blame = true;
    let says = |vote| Message::Passage(Passage::Vote { seat, vote });
    world.tell(0, 1, says(own.sign(&key(3))));
    world.tell(0, 1, says(other.sign(&key(1))));
    let blamed = world.machines[0]
        .faults
        .iter()
        .map(|fault| fault.misbehaviour);
    let wrong = [Wrong::BadVote, Wrong::WrongVote].map(Misbehaviour::Handover);
    assert_eq!(blamed.collect::<Vec<_>>(), wrong);
    assert!(!world.machines[0].is_certified());
}

#[test]
fn forged_certificates_lead_nobody_astray() {
    let mut world = World::new(4, false);
    world.put("before");
    world.run(60);
    let state = world.machines[0].replica.membership().unwrap();
    let change = Change {
        edits: replace("s2", 4),
        f: None,
    };
    let handover = Handover {
        commit: 7,
        chain: Digest([7; 32]),
        view: state.view().change(&change).unwrap().view,
    };
    let sign = |seat: u8, of: usize| {
        let vote = handover.sign(&key(of));
        (SiteId::new(seat).unwrap(), vote.signature)
    };
    let few = Certificate::new(handover.clone(), [sign(1, 1), sign(2, 2)]);
    let same = Certificate::new(handover.clone(), [sign(1, 1), sign(2, 1), sign(3, 1)]);
    world.machines[0].may_blame = true;
    for forged in [few, same] {
        // Asked for or not.
        world.tell(0, 1, Message::Passage(Passage::Chain(vec![forged])));
        let epochs = world.machines[0].replica.epochs.as_mut().unwrap();
        epochs.asked = true;
    }
    let blamed = world.machines[0]
        .faults
        .iter()
        .map(|fault| fault.misbehaviour);
    assert_eq!(blamed.collect::<Vec<_>>(), [Misbehaviour::BadChain; 2]);
    assert!(world.machines[0].is_in(0));
    world.put("after");
    world.finish();
}

#[test]
fn it_takes_more_than_f_members_to_make_a_site_ask() {
    let mut world = World::new(4, false);
    world.put("before");
    world.run(60);
    let later = Message::Ordering(
        Epoch(5),
        maftia_ordering::Message::Knowledge(Knowledge {
            tips: vec![Round(9); 4],
            base: Round(0),
            settled: Round(9),
            ask: false,
        }),
    );
    let asks = |world: &World| {
        world.machines[0]
            .replica
            .epochs
            .as_ref()
            .unwrap()
            .ask_at
            .is_some()
    };
    (0..10).for_each(|_| world.tell(0, 1, later.clone()));
    assert!(!asks(&world));
    world.tell(0, 3, later);
    assert!(asks(&world));
}

#[test]
fn a_change_that_is_asked_for_again_is_the_same_change() {
    let mut world = waiting();
    let of = |world: &World| {
        let state = world.machines[0].replica.membership().unwrap();
        let pending = state.pending().unwrap();
        (pending.proposal, pending.since_ms)
    };
    let first = of(&world);
    world.propose(replace("s2", 4), None);
    world.propose(replace("s3", 5), None);
    world.finish();
    assert_eq!(of(&world), first, "one change at a time");
}
