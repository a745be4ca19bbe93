use std::collections::{BTreeMap, BTreeSet};

use maftia_types::{Duration, Round, SiteId, SiteSet, Time};

use super::{Coin, CoinShare, CoinValue, ShareBytes};

/// How long to wait for shares before asking again; twice as long each time, [`ASKED_MAX`] times.
const PATIENCE: Duration = Duration::from_millis(50);
const ASKED_MAX: u32 = 5;

/// The shares and coins of the rounds that are not done with.
#[derive(Debug)]
pub(crate) struct Coins {
    coin: Coin,
    /// Rounds below are done with.
    floor: Round,
    shares: BTreeMap<Round, BTreeMap<SiteId, ShareBytes>>,
    values: BTreeMap<Round, CoinValue>,
    /// Whose share was bad: it is not taken again.
    bad: BTreeSet<(Round, SiteId)>,
    /// Readable rounds for which there are too few good shares here, and whether they were still
    /// wanted since they were last asked for.
    lacking: BTreeMap<Round, bool>,
    ask_at: Option<Time>,
    /// Questions in a row without an answer that helped.
    asked: u32,
    /// How many were combined: what the coin costs.
    combined: u64,
}

impl Coins {
    pub(crate) const fn new(coin: Coin) -> Self {
        Self {
            coin,
            floor: Round(1),
            shares: BTreeMap::new(),
            values: BTreeMap::new(),
            bad: BTreeSet::new(),
            lacking: BTreeMap::new(),
            ask_at: None,
            asked: 0,
            combined: 0,
        }
    }

    /// Goes on with another handle to the same coin.
    pub(crate) fn exchange(&mut self, coin: Coin) {
        self.coin = coin;
    }

    /// Takes a share, the first of its site and round.
    pub(crate) fn note(&mut self, author: SiteId, share: &CoinShare) {
        let round = share.round;
        let is_done = round < self.floor || self.values.contains_key(&round);
        if is_done || self.bad.contains(&(round, author)) {
            return;
        }
        let shares = self.shares.entry(round).or_default();
        shares.entry(author).or_insert(share.share);
    }

    /// The coin of a round, combined if need be. Gives also whose shares were found to be bad.
    pub(crate) fn value(&mut self, round: Round) -> (Option<CoinValue>, SiteSet) {
        if let Some(value) = self.values.get(&round) {
            return (Some(*value), SiteSet::EMPTY);
        }
        let Some(shares) = self.shares.get_mut(&round) else {
            return (None, SiteSet::EMPTY);
        };
        let found = self.coin.key().combine(round, shares);
        for culprit in found.culprits.iter() {
            shares.remove(&culprit);
            self.bad.insert((round, culprit));
        }
        if let Some(value) = found.value {
            self.values.insert(round, value);
            self.shares.remove(&round);
            self.lacking.remove(&round);
            self.asked = 0;
            self.combined += 1;
        }
        (found.value, found.culprits)
    }

    /// This site's shares of some rounds.
    pub(crate) fn own(&self, rounds: impl Iterator<Item = Round>) -> Vec<CoinShare> {
        let share = |round| {
            let share = self.coin.key().share(round)?;
            Some(CoinShare { round, share })
        };
        rounds.filter_map(share).collect()
    }

    /// Notes that a readable round's shares do not suffice: they are asked for after `delay`, and
    /// again while that is noted after each event.
    pub(crate) fn lacks(&mut self, round: Round, now: Time, delay: Duration) {
        self.lacking.insert(round, true);
        self.ask_at.get_or_insert(now + delay);
    }

    /// The rounds to ask about now, oldest first, if it is time.
    pub(crate) fn due(&mut self, now: Time) -> Vec<Round> {
        if self.ask_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.ask_at = None;
        self.lacking.retain(|_, wanted| *wanted);
        if !self.lacking.is_empty() {
            self.ask_at = Some(now + PATIENCE.times(1 << self.asked));
            self.asked = (self.asked + 1).min(ASKED_MAX);
        }
        self.lacking.values_mut().for_each(|wanted| *wanted = false);
        let asked = self.lacking.keys().take(super::COIN_SHARES_MAX);
        asked.copied().collect()
    }

    /// Whether shares of a round are lacking.
    pub(crate) fn is_lacking(&self, round: Round) -> bool {
        self.lacking.contains_key(&round)
    }

    /// How many coins were combined.
    pub(crate) const fn combined(&self) -> u64 {
        self.combined
    }

    /// Forgets the rounds below `floor`.
    pub(crate) fn forget(&mut self, floor: Round) {
        if floor <= self.floor {
            return;
        }
        self.floor = floor;
        self.shares = self.shares.split_off(&floor);
        self.values = self.values.split_off(&floor);
        self.lacking = self.lacking.split_off(&floor);
        self.bad.retain(|(round, _)| *round >= floor);
    }

    pub(crate) fn next_timeout(&self) -> Option<Time> {
        self.ask_at
    }
}

#[cfg(test)]
mod tests {
    use super::super::SimulatedCoin;
    use super::*;

    #[test]
    fn a_coin_that_nobody_wants_any_more_is_asked_for_once() {
        let mut coins = Coins::new(Coin::new(SimulatedCoin::new(1, 3, None)));
        let (early, late) = (Round(7), Round(9));
        coins.lacks(early, Time::ZERO, PATIENCE);
        coins.lacks(late, Time::ZERO, PATIENCE);
        assert_eq!(coins.due(Time::ZERO), [], "not yet");
        let at = coins.next_timeout().unwrap();
        assert_eq!(coins.due(at), [early, late]);
        // Only one of them is looked for after the events that follow.
        coins.lacks(late, at, PATIENCE);
        assert!(coins.is_lacking(early), "an answer may be under way");
        let at = coins.next_timeout().unwrap();
        assert_eq!(coins.due(at), [late]);
        assert!(!coins.is_lacking(early));
        let at = coins.next_timeout().unwrap();
        assert_eq!(coins.due(at), []);
        assert_eq!(coins.next_timeout(), None);
    }
}
