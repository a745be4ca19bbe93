use std::collections::{BTreeMap, BTreeSet};

use maftia_threshold::frost::{Nonce, NonceCommitment, NonceNumber, Signer};
use maftia_types::Incarnation;
use rand::CryptoRng;

use super::pool::Stock;
use super::{COMMITMENTS_AHEAD, COMMITMENTS_LOW};

/// A site's nonces, in memory only.
///
/// A *life* is a span in which they are all here: it begins after the start, and anew when the
/// ordered state shows commitments of this site that it did not make in this life (a vault that was
/// rolled back, a second copy of the machine). Its number is on the disk before the first commitment
/// leaves, and higher than any before.
#[derive(Default)]
pub(in crate::keys) struct Nonces {
    life: Option<Incarnation>,
    /// The number of the next one.
    next: u64,
    held: BTreeMap<u64, (NonceCommitment, Nonce)>,
}

impl Nonces {
    /// Compares with what the ordered state holds of this site, and begins a new life if that is
    /// not of this one. `lives` is the number of the latest life, and is to be kept on the disk if
    /// it has changed.
    pub(in crate::keys) fn follow(&mut self, lives: &mut u64, stock: Option<&Stock>) {
        let own = match (self.life, stock) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(life), Some(stock)) if stock.incarnation == life => {
                stock.next <= self.next && stock.unused().all(|unused| self.holds(unused))
            }
            (Some(life), Some(stock)) => stock.incarnation < life,
        };
        if own {
            return;
        }
        let claimed = stock.map_or(0, |stock| stock.incarnation.0);
        *lives = claimed.max(*lives).saturating_add(1);
        *self = Self {
            life: Some(Incarnation(*lives)),
            ..Self::default()
        };
    }

    /// Forgets nonces that no session can ask for any more: taken in, and neither unused nor named
    /// in an attempt that waits for this site.
    pub(in crate::keys) fn forget(&mut self, stock: Option<&Stock>, named: &[NonceCommitment]) {
        let Some(stock) = self.of_this_life(stock) else {
            return;
        };
        let wanted = stock.unused().chain(named).map(|own| own.number());
        let wanted: BTreeSet<NonceNumber> = wanted.collect();
        let next = stock.next;
        self.held.retain(|number, (commitment, _)| {
            *number >= next || wanted.contains(&commitment.number())
        });
    }

    /// Makes more, if few are left of those that were published.
    pub(in crate::keys) fn refill(
        &mut self,
        stock: Option<&Stock>,
        signer: &Signer,
        rng: &mut impl CryptoRng,
    ) {
        let Some(incarnation) = self.life else {
            return;
        };
        let unused = self
            .of_this_life(stock)
            .map_or(0, |stock| stock.unused().len());
        let ready = unused + self.in_flight(stock).count();
        if ready > COMMITMENTS_LOW {
            return;
        }
        for _ in ready..COMMITMENTS_AHEAD {
            let number = self.next;
            let place = NonceNumber {
                incarnation,
                number,
            };
            let (nonce, commitment) = signer.commit(place, rng);
            self.held.insert(number, (commitment, nonce));
            self.next += 1;
        }
    }

    /// Those that the ordered state has not taken in yet.
    pub(in crate::keys) fn in_flight(
        &self,
        stock: Option<&Stock>,
    ) -> impl Iterator<Item = &NonceCommitment> {
        let next = self.of_this_life(stock).map_or(0, |stock| stock.next);
        self.held
            .range(next..)
            .map(|(_, (commitment, _))| commitment)
    }

    /// Gives the nonce away: it is not here any more, whatever is done with it.
    pub(in crate::keys) fn take(&mut self, commitment: &NonceCommitment) -> Option<Nonce> {
        if !self.holds(commitment) {
            return None;
        }
        let number = commitment.number().number;
        self.held.remove(&number).map(|(_, nonce)| nonce)
    }

    /// Whether the nonce behind it is here.
    pub(in crate::keys) fn holds(&self, commitment: &NonceCommitment) -> bool {
        let held = self.held.get(&commitment.number().number);
        held.is_some_and(|(own, _)| own == commitment)
    }

    fn of_this_life<'a>(&self, stock: Option<&'a Stock>) -> Option<&'a Stock> {
        stock.filter(|stock| Some(stock.incarnation) == self.life)
    }
}
