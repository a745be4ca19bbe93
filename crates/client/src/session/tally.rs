use bytes::Bytes;
use maftia_replica::{Fate, result_digest};
use maftia_types::{Digest, SiteId, SiteSet};

/// What the sites say became of one request. Each site's latest word counts, once.
#[derive(Debug, Default)]
pub(super) struct Tally(Vec<Candidate>);

#[derive(Debug)]
struct Candidate {
    claim: Claim,
    sites: SiteSet,
    /// The result in full, and who gave it.
    result: Option<(SiteId, Bytes)>,
}

/// A word about a request, short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Claim {
    Executed(u64, Digest),
    Forgotten,
    Closed,
    Other,
}

/// What f+1 sites agree on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing yet.
    Open,
    /// Executed, with a result that nobody has given in full.
    Missing,
    Executed(u64, Digest, Bytes),
    Forgotten,
    Closed,
    /// Another request has its number.
    Other,
}

/// Bytes of results that no f+1 sites have confirmed yet, kept per site. The least that a longest
/// result always fits into; what does not fit is asked for again once its digest is agreed on.
pub(super) const HELD_BYTES_MAX: usize = 2 * maftia_replica::RESULT_BYTES_MAX;

impl Claim {
    pub(super) fn of(fate: &Fate) -> Self {
        match fate {
            Fate::Executed { position, result } => Self::Executed(*position, result_digest(result)),
            Fate::ExecutedDigest { position, digest } => Self::Executed(*position, *digest),
            Fate::Forgotten => Self::Forgotten,
            Fate::Closed => Self::Closed,
            Fate::Other => Self::Other,
        }
    }
}

impl Tally {
    /// Takes a site's word. `held` counts its unconfirmed bytes.
    pub(super) fn add(&mut self, site: SiteId, fate: &Fate, held: &mut [usize]) {
        let claim = self.claim(fate);
        self.0.retain_mut(|candidate| {
            if candidate.claim != claim {
                candidate.sites.remove(site);
            }
            let keep = !candidate.sites.is_empty();
            if !keep {
                candidate.free(held);
            }
            keep
        });
        let place = self.0.iter().position(|candidate| candidate.claim == claim);
        let candidate = match place {
            Some(place) => self.0.get_mut(place),
            None => {
                self.0.push(Candidate {
                    claim,
                    sites: SiteSet::EMPTY,
                    result: None,
                });
                self.0.last_mut()
            }
        };
        let candidate = candidate.expect("a candidate of this claim is there");
        candidate.sites.insert(site);
        if let (Fate::Executed { result, .. }, None) = (fate, &candidate.result) {
            candidate.hold(site, result, held);
        }
    }

    /// Most replies repeat what is known in full: comparing bytes is cheaper than hashing them.
    fn claim(&self, fate: &Fate) -> Claim {
        if let Fate::Executed { position, result } = fate {
            for candidate in &self.0 {
                if let (Claim::Executed(known, _), Some((_, bytes))) =
                    (candidate.claim, &candidate.result)
                    && known == *position
                    && bytes == result
                {
                    return candidate.claim;
                }
            }
        }
        Claim::of(fate)
    }

    /// What `needed` sites agree on.
    pub(super) fn verdict(&self, needed: usize) -> Verdict {
        let agreed = self.0.iter().find(|c| c.sites.len() >= needed);
        match agreed.map(|candidate| (candidate.claim, &candidate.result)) {
            None => Verdict::Open,
            Some((Claim::Executed(..), None)) => Verdict::Missing,
            Some((Claim::Executed(position, digest), Some((_, result)))) => {
                Verdict::Executed(position, digest, result.clone())
            }
            Some((Claim::Forgotten, _)) => Verdict::Forgotten,
            Some((Claim::Closed, _)) => Verdict::Closed,
            Some((Claim::Other, _)) => Verdict::Other,
        }
    }

    /// Who said that it was executed otherwise.
    pub(super) fn contradicting(&self, position: u64, digest: Digest) -> SiteSet {
        let agreed = Claim::Executed(position, digest);
        let other = |c: &&Candidate| matches!(c.claim, Claim::Executed(..)) && c.claim != agreed;
        let sites = self.0.iter().filter(other).map(|c| c.sites);
        sites.fold(SiteSet::EMPTY, SiteSet::union)
    }

    /// Gives the held bytes back.
    pub(super) fn free(&mut self, held: &mut [usize]) {
        self.0.iter_mut().for_each(|candidate| candidate.free(held));
    }
}

impl Candidate {
    fn hold(&mut self, site: SiteId, result: &Bytes, held: &mut [usize]) {
        let Some(held) = held.get_mut(site.index()) else {
            return;
        };
        if *held + result.len() <= HELD_BYTES_MAX {
            *held += result.len();
            // A copy: the slice would keep the whole message alive that it came in.
            self.result = Some((site, Bytes::copy_from_slice(result)));
        }
    }

    fn free(&mut self, held: &mut [usize]) {
        if let Some((site, result)) = self.result.take()
            && let Some(held) = held.get_mut(site.index())
        {
            *held = held.saturating_sub(result.len());
        }
    }
}
