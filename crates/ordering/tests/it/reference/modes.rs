//! The mode rule: which rule governs each interval, agreed through the always-on coin chain.
//!
//! Interval j is rounds jI + 1 to (j + 1)I. Constants are those of correction 4, the carried
//! prefix is that of correction 3. Differences from the specification: the schedule of known
//! leaders is given, not derived from anchors, and every history is kept whole, so a prefix is
//! never cut by pruning. (The older executable model evaluates the prefix of each anchor from
//! slot 1 and does not wait for anchor 0; both differ only where adjacent anchors do not nest.)
//! And progress asks that known leaders would have committed a quarter of the interval directly.

use super::view::{Mode, Schedule, Verdict, View, frontier_from};

/// Cap on the exponential wait before a return to the S rule, in intervals.
const RETURN_WAIT_MAX: usize = 16;

/// The agreed control state as far as a view determines it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Control {
    /// Mode by interval; intervals beyond the end are unknown.
    pub(crate) modes: Vec<Mode>,
    /// Anchor by interval, `None` where the interval has no chain commit.
    pub(crate) anchors: Vec<Option<usize>>,
    /// Agreed settled prefix by interval.
    pub(crate) prefixes: Vec<usize>,
}

impl Control {
    /// The rule that governs `round`, if known.
    pub(crate) fn mode(&self, interval_length: usize, round: usize) -> Option<Mode> {
        self.modes.get((round - 1) / interval_length).copied()
    }
}

/// Evaluates the control chain and the mode rule in a view.
pub(crate) fn control(view: &View<'_>, interval_length: usize, schedule: &Schedule) -> Control {
    let chain = view.decide(|_| Some(Mode::A), schedule);
    let mut control = Control {
        modes: vec![Mode::S, Mode::S],
        anchors: Vec::new(),
        prefixes: Vec::new(),
    };
    let (mut failovers, mut consecutive_a) = (0, 0);
    for interval in 0.. {
        let Some(anchor) = anchor(&chain, interval, interval_length) else {
            break;
        };
        let before = control.prefixes.last().copied().unwrap_or(0);
        let history = anchor.map(|block| View::of_history(view.dag, view.row, block));
        let prefix = history.as_ref().map_or(before, |history| {
            let verdicts = history.decide(|r| control.mode(interval_length, r), schedule);
            frontier_from(&verdicts, before).max(before)
        });
        control.anchors.push(anchor);
        control.prefixes.push(prefix);
        if interval == 0 {
            continue;
        }

        // The anchor of j + 1 gives the mode of j + 2 from what interval j did.
        let first = (interval - 1) * interval_length + 1;
        let direct = |r: usize| {
            let history = history.as_ref()?;
            Some(history.direct(Mode::S, schedule.leader(Mode::S, r), r))
        };
        let rounds = first..first + interval_length;
        let verdicts: Vec<Verdict> = rounds.filter_map(direct).collect();
        let commits = verdicts.iter().filter(|v| matches!(v, Verdict::Commit(_)));
        let quarter = 4 * commits.count() >= interval_length;
        let progress = prefix >= first + interval_length / 2 && quarter;
        let healthy = verdicts.iter().filter(|v| v.is_decided()).count();
        let waited = consecutive_a >= RETURN_WAIT_MAX.min(1 << failovers.min(8));
        let previous = control.modes[interval];
        let stays = previous == Mode::S && progress;
        let returns = progress && 5 * healthy >= 4 * interval_length && waited;
        let next = match (&history, previous) {
            (Some(_), Mode::S) if stays => Mode::S,
            (Some(_), Mode::A) if returns => Mode::S,
            _ => Mode::A,
        };
        failovers += usize::from(previous == Mode::S && next == Mode::A);
        consecutive_a = if next == Mode::A {
            consecutive_a + 1
        } else {
            0
        };
        control.modes.push(next);
    }
    control
}

/// The first chain commit of the interval (`Some(None)` if every slot is skipped), or `None` if a
/// slot before it is undecided.
fn anchor(chain: &[Verdict], interval: usize, interval_length: usize) -> Option<Option<usize>> {
    let first = interval * interval_length + 1;
    for round in first..first + interval_length {
        match chain.get(round).copied().unwrap_or(Verdict::Undecided) {
            Verdict::Skip => {}
            Verdict::Commit(block) => return Some(Some(block)),
            Verdict::Undecided => return None,
        }
    }
    Some(None)
}
