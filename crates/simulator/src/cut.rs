use maftia_types::{SiteId, SiteSet};

use crate::Dice;

/// Directed links that are dead together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut(Vec<(SiteId, SiteId)>);

impl Cut {
    /// Exactly these links, each from its first to its second site.
    pub fn links(links: impl IntoIterator<Item = (SiteId, SiteId)>) -> Self {
        Self(links.into_iter().collect())
    }

    /// One direction of one link.
    pub fn one_way(from: SiteId, to: SiteId) -> Self {
        Self(vec![(from, to)])
    }

    /// One site against the rest of a group of `n`.
    pub fn isolate(site: SiteId, n: usize) -> Self {
        Self::split(std::iter::once(site).collect(), n)
    }

    /// These sites against the rest of a group of `n`.
    pub fn split(side: SiteSet, n: usize) -> Self {
        Self::between(n, |a, b| side.contains(a) != side.contains(b))
    }

    /// Two halves that only `bridge` can reach, a partition that is not transitive.
    pub fn bridge(bridge: SiteId, n: usize) -> Self {
        let left = |site: SiteId| site.index() < n / 2;
        Self::between(n, |a, b| a != bridge && b != bridge && left(a) != left(b))
    }

    /// One of the shapes above.
    pub fn random(n: usize, dice: &mut Dice) -> Self {
        let site = dice.site(n);
        match dice.below(4) {
            0 => Self::isolate(site, n),
            1 => Self::split(SiteId::all(n).filter(|_| dice.chance(500)).collect(), n),
            2 => Self::bridge(site, n),
            _ => Self::between(n, |_, _| dice.chance(300)),
        }
    }

    /// The dead links.
    pub fn pairs(&self) -> impl Iterator<Item = (SiteId, SiteId)> {
        self.0.iter().copied()
    }

    fn between(n: usize, mut dead: impl FnMut(SiteId, SiteId) -> bool) -> Self {
        let all = SiteId::all(n).flat_map(|from| SiteId::all(n).map(move |to| (from, to)));
        Self(
            all.filter(|(from, to)| from != to && dead(*from, *to))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_cut_what_they_say() {
        let [a, b, c, d] = [0, 1, 2, 3].map(|index| SiteId::new(index).unwrap());
        let isolated: Vec<_> = Cut::isolate(b, 3).pairs().collect();
        assert_eq!(isolated, [(a, b), (b, a), (b, c), (c, b)]);
        let split = Cut::split([a, b].into_iter().collect(), 4);
        assert_eq!(split.pairs().count(), 8);
        let bridge: Vec<_> = Cut::bridge(a, 4).pairs().collect();
        assert_eq!(bridge, [(b, c), (b, d), (c, b), (d, b)]);
        assert_eq!(Cut::one_way(a, b).pairs().collect::<Vec<_>>(), [(a, b)]);
    }
}
