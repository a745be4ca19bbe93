//! The engine's part of the coin: shares into own blocks and out of others', and asking for them.

use maftia_protocol::{Step, Target};
use maftia_types::{Round, SiteId, Time};

use super::{COIN_SHARES_MAX, Coin, CoinShare, CoinValue};
use crate::block::Block;
use crate::engine::{Engine, Output};
use crate::fault::Misbehaviour;
use crate::message::Message;
use crate::rule::reveal;

/// Shares made for one question. Each costs half a millisecond: who asks for more asks again.
const ANSWERED_SHARES_MAX: usize = 8;
/// What one is counted as, in bytes sent: with an answer a peer's share of the period is used up.
const SHARE_COST_BYTES: usize = 512 * 1024;

impl Engine {
    /// The coin of the epoch again, now with this site's share, which it did not hold when the epoch
    /// began. Nothing in an epoch without a coin.
    pub fn hold_coin(&mut self, coin: Coin) {
        self.parameters.asynchronous.exchange(&coin);
        if let Some(coins) = &mut self.coins {
            coins.exchange(coin);
        }
    }

    /// Rule 1: the shares for an own block of `round`.
    pub(crate) fn shares_for(&self, round: Round) -> Vec<CoinShare> {
        let Some(coins) = &self.coins else {
            return Vec::new();
        };
        let newest = self.dag.newest(self.me);
        let before = newest.map_or(Round(0), |entry| entry.block.round());
        let early = u64::from(maftia_protocol::planted("coin share a round early"));
        let reveal = self.reveal();
        let last = (round.0 + early).saturating_sub(reveal);
        let first = before.minus(reveal - 1).0.max(1);
        let rounds = (first..=last).rev().take(COIN_SHARES_MAX);
        coins.own(rounds.map(Round))
    }

    /// Takes the shares out of a block that is accepted.
    pub(crate) fn note_shares(&mut self, block: &Block) {
        if let Some(coins) = &mut self.coins {
            for share in &block.header().coin_shares {
                coins.note(block.author(), share);
            }
        }
    }

    /// Rule 2, for the slots that wait for a coin. True if one has become known.
    pub(crate) fn learn_coins(&mut self, now: Time, step: &mut Step<Self>) -> bool {
        if self.coins.is_none() {
            return false;
        }
        let mut has_learnt = false;
        for round in self.committer.wanted_coins(&self.dag) {
            if let Some(value) = self.coin(now, round, step) {
                let leader = value.leader(self.keys.len());
                self.committer.learn_coin(round, leader);
                has_learnt = true;
            }
        }
        has_learnt
    }

    /// The coin of a readable round. If shares lack, they will be asked for.
    pub(crate) fn coin(
        &mut self,
        now: Time,
        round: Round,
        step: &mut Step<Self>,
    ) -> Option<CoinValue> {
        let coins = self.coins.as_mut()?;
        let (value, culprits) = coins.value(round);
        if value.is_none() {
            coins.lacks(round, now, self.parameters.pacing.fetch_delay);
        }
        for culprit in culprits.iter() {
            step.blame(culprit, Misbehaviour::BadCoinShare);
            // Told over the link, there is none.
            if let Some(block) = self.block_with_share(culprit, round) {
                step.outputs.push(Output::BadCoinShare { block, round });
            }
        }
        value
    }

    const fn reveal(&self) -> u64 {
        reveal(&self.parameters.resilience)
    }

    fn block_with_share(&self, author: SiteId, round: Round) -> Option<std::sync::Arc<Block>> {
        let mut blocks = self
            .dag
            .from(round.plus(self.reveal()))
            .map(|entry| &entry.block);
        let has_share = |block: &&std::sync::Arc<Block>| {
            let mut shares = block.header().coin_shares.iter();
            block.author() == author && shares.any(|share| share.round == round)
        };
        blocks.find(has_share).cloned()
    }

    /// Rule 3.
    pub(crate) fn ask_coins(&mut self, now: Time, step: &mut Step<Self>) {
        let rounds = self.coins.as_mut().map(|coins| coins.due(now));
        if let Some(rounds) = rounds.filter(|rounds| !rounds.is_empty()) {
            step.send_now(Target::Others, Message::CoinQuery { rounds });
        }
    }

    /// Rule 4.
    pub(crate) fn on_coin_query(
        &mut self,
        now: Time,
        from: SiteId,
        rounds: &[Round],
        step: &mut Step<Self>,
    ) {
        if !self.sync.may_answer(now, from) {
            return;
        }
        let Some(coins) = &self.coins else {
            return;
        };
        let reveal = self.reveal();
        let is_released = |round: &Round| *round > Round(0) && round.plus(reveal) <= self.last_own;
        let released = rounds.iter().copied().filter(is_released);
        let shares = coins.own(released.take(ANSWERED_SHARES_MAX));
        let cost = SHARE_COST_BYTES * shares.len().max(1);
        self.sync.has_answered(from, cost);
        if !shares.is_empty() {
            // The rounds' own blocks may not be durable: what they release is not to leave before.
            step.send(Target::One(from), Message::CoinShares { shares });
        }
    }

    /// Shares that were asked for.
    pub(crate) fn on_coin_shares(&mut self, from: SiteId, shares: &[CoinShare]) {
        if let Some(coins) = &mut self.coins {
            for share in shares {
                if coins.is_lacking(share.round) {
                    coins.note(from, share);
                }
            }
        }
    }
}
