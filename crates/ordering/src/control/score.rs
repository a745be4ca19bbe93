//! Who lost its turn as a known leader (`protocols.md` §2.6, correction 4).

use maftia_types::{Round, SiteId, SiteSet};

use crate::rule::Rule;
use crate::view::View;

/// Per site, how many of its blocks of the interval above `judged` have q_sp supporters in a view.
pub(super) fn scores<V: View>(
    view: &V,
    (rule, sites): (Rule, usize),
    judged: u64,
    interval: u64,
) -> Vec<u64> {
    let quorum = rule.resilience().slow_path_quorum();
    let mut scores = vec![0; sites];
    for round in (judged + 1..=judged + interval).map(Round) {
        for block in view.blocks(round) {
            let author = view.author(&block);
            let above = view.blocks(round.next());
            let supports = |x: &V::Block| view.vote(x, author) == Some(block);
            let supporters = above.filter(supports).map(|x| view.author(&x));
            let is_counted = supporters.collect::<SiteSet>().len() >= quorum;
            if let Some(score) = scores.get_mut(author.index()) {
                *score += u64::from(is_counted);
            }
        }
    }
    scores
}

/// Of the sites below half the lower median, the f with the least scores; of equals, the first.
pub(super) fn demoted(scores: &[u64], intruded_max: usize) -> SiteSet {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
    let median = median.unwrap_or(0);
    let sites = SiteId::all(scores.len()).zip(scores);
    let mut low: Vec<(u64, SiteId)> = sites
        .filter(|(_, score)| 2 * **score < median)
        .map(|(site, score)| (*score, site))
        .collect();
    low.sort_unstable();
    low.into_iter()
        .take(intruded_max)
        .map(|(_, site)| site)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::demoted;

    fn places(scores: &[u64], intruded_max: usize) -> Vec<usize> {
        demoted(scores, intruded_max)
            .iter()
            .map(maftia_types::SiteId::index)
            .collect()
    }

    #[test]
    fn below_half_the_lower_median_and_at_most_f_are_demoted() {
        assert_eq!(places(&[16, 16, 16, 8], 1), [], "half is enough");
        assert_eq!(places(&[16, 16, 16, 7], 1), [3]);
        // The lower median of four is the second least.
        assert_eq!(places(&[16, 16, 6, 3], 1), [], "the median is 6");
        assert_eq!(places(&[16, 16, 16, 16, 16, 5, 4], 2), [5, 6]);
        assert_eq!(
            places(&[16, 16, 16, 16, 5, 5, 4], 2),
            [4, 6],
            "of equals the first"
        );
        assert_eq!(places(&[16, 16, 16, 0], 0), []);
    }
}
