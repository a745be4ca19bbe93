use maftia_types::{Duration, SiteId, SiteSet, Time};

use crate::{Cut, Dice};

/// How the links between sites behave while faults are on. Each directed link draws its own base
/// delay once; each message adds its own jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkModel {
    /// The base delay of the fastest link.
    pub delay_min: Duration,
    /// The base delay of the slowest link.
    pub delay_max: Duration,
    /// The most that chance adds to a message's delay.
    pub jitter_max: Duration,
    /// Of 1000 messages, how many take ten to a hundred times their delay (a heavy tail).
    pub tail_per_mille: u32,
    /// Of 1000 transmissions, how many are lost.
    pub loss_per_mille: u32,
    /// Of 1000 messages, how many arrive twice.
    pub duplication_per_mille: u32,
    /// Whether later messages of a link may overtake earlier ones.
    pub order: Order,
    /// What a loss means.
    pub carriage: Carriage,
}

/// Order of the messages of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As sent.
    Fifo,
    /// As chance has it.
    Any,
}

/// What a link promises about a message that was lost, cut off or sent to a site that is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// Nothing: it is gone.
    Datagram,
    /// It is sent again until it arrives, as long as its sender does not crash: a loss costs this
    /// retransmission time.
    Reliable(Duration),
}

impl LinkModel {
    /// 1 ms, no loss, in order: what the links become when the world heals.
    pub const PERFECT: Self = Self {
        delay_min: Duration::from_millis(1),
        delay_max: Duration::from_millis(1),
        jitter_max: Duration::ZERO,
        tail_per_mille: 0,
        loss_per_mille: 0,
        duplication_per_mille: 0,
        order: Order::Fifo,
        carriage: Carriage::Reliable(Duration::from_millis(10)),
    };

    /// One of the regimes under which a protocol must hold, from a quiet LAN to a lossy WAN with
    /// heavy tails. `carriage` is what the protocol under test assumes of its links.
    pub fn random(carriage: Carriage, dice: &mut Dice) -> Self {
        let base_ms = [0, 1, 5, 20, 100, 400];
        let slowest = dice.pick(&base_ms).copied().unwrap_or(1);
        let jitter_us = [0, 200, 5_000, 50_000, 500_000];
        let pick = |dice: &mut Dice, choices: &[u32]| dice.pick(choices).copied().unwrap_or(0);
        Self {
            delay_min: Duration::from_micros(50),
            delay_max: Duration::from_millis(slowest),
            jitter_max: Duration::from_micros(dice.pick(&jitter_us).copied().unwrap_or(0)),
            tail_per_mille: pick(dice, &[0, 0, 5, 50]),
            loss_per_mille: pick(dice, &[0, 0, 10, 100, 300]),
            duplication_per_mille: pick(dice, &[0, 0, 10, 200, 500]),
            order: if dice.chance(300) {
                Order::Fifo
            } else {
                Order::Any
            },
            carriage,
        }
    }
}

/// What becomes of one transmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Lost,
    At(Time),
    Twice(Time, Time),
}

/// All directed links of a world, clients' links aside.
#[derive(Debug)]
pub(crate) struct Links {
    sites: usize,
    model: LinkModel,
    links: Vec<Link>,
    cuts: Vec<(usize, Cut)>,
    /// Per sender, whom it cannot reach: the union of `cuts`.
    blocked: Vec<SiteSet>,
}

#[derive(Debug)]
struct Link {
    base: Duration,
    last: Time,
}

/// The longest delay that the heavy tail gives: longer than the fault phase of most runs. An
/// intruder that owns the network may hold a message for longer.
const TAIL_MAX: Duration = Duration::from_secs(10);

/// Retransmissions of one message that a reliable link may need; beyond this it gets through.
const RETRANSMISSIONS_MAX: u64 = 32;

impl Links {
    pub(crate) fn new(sites: usize, model: LinkModel, dice: &mut Dice) -> Self {
        let links = (0..sites * sites)
            .map(|_| Link {
                base: dice.span(model.delay_min, model.delay_max),
                last: Time::ZERO,
            })
            .collect();
        Self {
            sites,
            model,
            links,
            cuts: Vec::new(),
            blocked: vec![SiteSet::EMPTY; sites],
        }
    }

    /// Ends all cuts, losses and delays. Messages on their way are the queue's to hurry.
    pub(crate) fn heal(&mut self) {
        self.model = LinkModel::PERFECT;
        for link in &mut self.links {
            link.base = LinkModel::PERFECT.delay_min;
            link.last = Time::ZERO;
        }
        self.cuts.clear();
        self.recompute();
    }

    pub(crate) fn cut(&mut self, id: usize, cut: Cut) {
        self.cuts.push((id, cut));
        self.recompute();
    }

    /// Ends one cut; true if it was there.
    pub(crate) fn mend(&mut self, id: usize) -> bool {
        let before = self.cuts.len();
        self.cuts.retain(|(other, _)| *other != id);
        self.recompute();
        self.cuts.len() != before
    }

    pub(crate) fn is_cut(&self, from: SiteId, to: SiteId) -> bool {
        self.blocked
            .get(from.index())
            .is_some_and(|blocked| blocked.contains(to))
    }

    pub(crate) const fn is_reliable(&self) -> bool {
        matches!(self.model.carriage, Carriage::Reliable(_))
    }

    pub(crate) fn route(&mut self, from: SiteId, to: SiteId, now: Time, dice: &mut Dice) -> Route {
        let model = self.model;
        let link = self
            .links
            .get_mut(from.index() * self.sites + to.index())
            .expect("both ends are sites of the group");
        let Some(delay) = model.delay(link.base, dice) else {
            return Route::Lost;
        };
        let first = link.arrival(model.order, now + delay);
        if !dice.chance(model.duplication_per_mille) {
            return Route::At(first);
        }
        let again = model.delay(link.base, dice).unwrap_or(delay);
        Route::Twice(first, link.arrival(model.order, now + delay + again))
    }

    fn recompute(&mut self) {
        self.blocked.fill(SiteSet::EMPTY);
        for (from, to) in self.cuts.iter().flat_map(|(_, cut)| cut.pairs()) {
            if let Some(blocked) = self.blocked.get_mut(from.index()) {
                blocked.insert(to);
            }
        }
    }
}

impl LinkModel {
    /// The delay of one transmission over a link with this base, none if it is lost.
    pub(crate) fn delay(&self, base: Duration, dice: &mut Dice) -> Option<Duration> {
        let mut delay = base + dice.span(Duration::ZERO, self.jitter_max);
        if dice.chance(self.tail_per_mille) {
            delay = delay.times(dice.between(10, 100)).min(TAIL_MAX);
        }
        let mut losses = 0;
        while losses < RETRANSMISSIONS_MAX && dice.chance(self.loss_per_mille) {
            losses += 1;
        }
        match (losses, self.carriage) {
            (0, _) => Some(delay),
            (_, Carriage::Datagram) => None,
            (_, Carriage::Reliable(retry)) => Some(delay + retry.times(losses)),
        }
    }
}

impl Link {
    fn arrival(&mut self, order: Order, at: Time) -> Time {
        match order {
            Order::Any => at,
            Order::Fifo => {
                self.last = self.last.max(at);
                self.last
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(model: LinkModel) -> (Links, Dice) {
        let mut dice = Dice::new(3);
        (Links::new(3, model, &mut dice), dice)
    }

    fn arrivals(model: LinkModel) -> Vec<Route> {
        let (mut links, mut dice) = links(model);
        let [a, b] = [0, 1].map(|index| SiteId::new(index).unwrap());
        (0..200)
            .map(|ns| links.route(a, b, Time::from_nanos(ns), &mut dice))
            .collect()
    }

    #[test]
    fn fifo_links_never_overtake_and_others_do() {
        let jumpy = LinkModel {
            jitter_max: Duration::from_millis(5),
            ..LinkModel::PERFECT
        };
        let at = |route: Route| match route {
            Route::At(at) => at,
            other => panic!("{other:?}"),
        };
        let fifo: Vec<_> = arrivals(jumpy).into_iter().map(at).collect();
        assert!(fifo.is_sorted());
        let order = Order::Any;
        let any: Vec<_> = arrivals(LinkModel { order, ..jumpy })
            .into_iter()
            .map(at)
            .collect();
        assert!(!any.is_sorted());
    }

    #[test]
    fn losses_are_lost_by_datagrams_and_cost_time_when_reliable() {
        let lossy = LinkModel {
            loss_per_mille: 300,
            ..LinkModel::PERFECT
        };
        assert!(arrivals(lossy).iter().all(|route| *route != Route::Lost));
        let carriage = Carriage::Datagram;
        let lost = |route: &&Route| **route == Route::Lost;
        let count = arrivals(LinkModel { carriage, ..lossy })
            .iter()
            .filter(lost)
            .count();
        assert!((30..90).contains(&count), "{count} of 200");
    }

    #[test]
    fn overlapping_cuts_end_one_by_one() {
        let (mut links, _) = links(LinkModel::PERFECT);
        let [a, b, c] = [0, 1, 2].map(|index| SiteId::new(index).unwrap());
        links.cut(0, Cut::isolate(a, 3));
        links.cut(1, Cut::one_way(a, b));
        assert!(links.is_cut(a, b) && links.is_cut(c, a) && !links.is_cut(b, c));
        assert!(links.mend(0));
        assert!(links.is_cut(a, b) && !links.is_cut(b, a) && !links.is_cut(c, a));
        assert!(!links.mend(0));
        links.heal();
        assert!(!links.is_cut(a, b));
    }
}
