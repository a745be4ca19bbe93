use super::dag::{NONE, ROUNDS, SITES};
use super::dice::Dice;
use super::grow::Committee;

/// The adversary's intention for one slot, as in `reference::adversary`: votes split at a threshold
/// or one off, and the next round cites one camp first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) leader: u8,
    /// By author: which twin of the leader it votes for; [`NONE`] for none.
    pub(crate) stance: [u8; SITES],
    pub(crate) lean: Lean,
    /// Whether the leader's author, if faulty, makes twins.
    pub(crate) split: bool,
    /// Authors that the round above passes over where a quorum remains, as a bit set.
    pub(crate) passed_over: u16,
}

/// Which camp the round after next cites first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lean {
    Nobody,
    /// Those that do not vote for the first twin.
    Against,
    For,
}

/// Plans of an aimed run, or of one in which only leaders are drawn.
pub(crate) fn plans(committee: &Committee, aimed: bool, dice: &mut Dice) -> [Plan; ROUNDS + 1] {
    let (mut passed_over, mut remaining) = (0, 0);
    std::array::from_fn(|_| {
        if remaining == 0 {
            remaining = 2 + dice.below(4);
            passed_over = match dice.percent(40) {
                true => 0,
                false => subset(committee, dice),
            };
        }
        remaining -= 1;
        let split = aimed && dice.percent(50);
        let faulty = match (aimed, split) {
            (true, true) => 70,
            (true, false) => 0,
            (false, _) => 40,
        };
        let leader = match dice.percent(faulty) {
            true => dice.below(committee.intruded),
            false => dice.below(committee.sites),
        };
        Plan {
            leader: leader as u8,
            stance: match split {
                true => stance(committee, dice),
                false => [0; SITES],
            },
            lean: dice.pick(&[Lean::Nobody, Lean::Against, Lean::Against, Lean::For]),
            split,
            passed_over,
        }
    })
}

/// Up to n − q authors.
fn subset(committee: &Committee, dice: &mut Dice) -> u16 {
    let size = dice.below(committee.sites - committee.quorum + 1);
    (0..size).fold(0, |set, _| set | 1 << dice.below(committee.sites))
}

/// Correct members split at a threshold; faulty ones count with the larger camp by their first
/// block (their twins take the other side).
fn stance(committee: &Committee, dice: &mut Dice) -> [u8; SITES] {
    let Committee {
        sites: n,
        intruded: f,
        quorum: q,
        slow_quorum: q_slow,
        slack,
        ..
    } = *committee;
    let thresholds = [
        slack,
        slack,
        slack + 1,
        slack + 1,
        q - f,
        q_slow - f,
        n - q,
        n - q + 1,
        n - q_slow + 1,
        f + 1,
        n,
    ];
    let dissenters = dice.pick(&thresholds).min(n - f);
    let other = if dice.percent(70) { 1 } else { NONE };
    let mut stance = [0; SITES];
    let mut left = dissenters;
    // Of the correct members not yet looked at, each is as likely as the next.
    for (author, choice) in stance.iter_mut().enumerate().take(n).skip(f) {
        if dice.below(n - author) < left {
            *choice = other;
            left -= 1;
        }
    }
    stance
}
