//! Block validity: V1–V8 of `protocols.md` §2.1, as corrected.
//!
//! Objective: every member reaches the same verdict from the bytes and the parents. The clauses
//! that need no parents are checked on arrival, the others when all parents are accepted.

use maftia_protocol::planted;
use maftia_types::{Round, SiteId, SiteSet};

use crate::block::{Block, BlockRef, Header};
use crate::coin::COIN_SHARES_MAX;
use crate::dag::Dag;
use crate::fault::Invalid;
use crate::parameters::Parameters;
use crate::rule::reveal;

/// V1–V4, V7 and V8: what the header alone shows.
///
/// # Errors
/// The first clause that is violated.
pub fn check_alone(parameters: &Parameters, header: &Header) -> Result<(), Invalid> {
    let resilience = &parameters.resilience;
    let member = header.author.index() < resilience.sites();
    let ours = header.config == parameters.config && header.epoch == parameters.epoch;
    if !member || !ours || header.round < Round(1) {
        return Err(Invalid::V1Foreign);
    }
    let mut authors = SiteSet::EMPTY;
    for parent in &header.parents {
        if parent.round >= header.round || !authors.insert(parent.author) {
            return Err(Invalid::V2Parents);
        }
        if parent.author.index() >= resilience.sites() {
            return Err(Invalid::V2Parents);
        }
        if parent.round < header.round.minus(parameters.reference_depth())
            && !planted("no V8 reference depth")
        {
            return Err(Invalid::V8Depth);
        }
    }
    let strong = header
        .parents
        .iter()
        .filter(|p| p.is_strong_for(header.round))
        .count();
    let quorum = resilience.quorum() - usize::from(planted("V3 quorum less one"));
    if strong < quorum {
        return Err(Invalid::V3Quorum);
    }
    check_coin_shares(parameters, header)?;
    check_self_parent(header)
}

/// V7: the format of the shares, and that none is premature. Not whether they are good: that would
/// cost two pairings each, and a bad one does no harm.
fn check_coin_shares(parameters: &Parameters, header: &Header) -> Result<(), Invalid> {
    let shares = &header.coin_shares;
    let belongs = parameters.asynchronous.has_coin() || shares.is_empty();
    let rounds = || shares.iter().map(|share| share.round);
    let reveal = reveal(&parameters.resilience);
    let is_due = |round: Round| round > Round(0) && round.plus(reveal) <= header.round;
    let fits = shares.len() <= COIN_SHARES_MAX && rounds().all(is_due);
    if belongs && fits && rounds().is_sorted_by(|newer, older| newer > older) {
        Ok(())
    } else {
        Err(Invalid::V7Coin)
    }
}

/// V4: a parent by the author itself comes first. A block without one is a *re-entry*: a correct
/// author makes it only when its last block is deeper than D_ref or lost (ADR 2).
fn check_self_parent(header: &Header) -> Result<(), Invalid> {
    let own = header
        .parents
        .iter()
        .position(|parent| parent.author == header.author);
    match own {
        None | Some(0) => Ok(()),
        Some(_) => Err(Invalid::V4SelfParent),
    }
}

/// V5 and V6: what the accepted parents show. Parents at or below `horizon`, the acceptance
/// horizon, are not read even where they are known (correction 5): what a member happens to hold
/// must not make it refuse a block that another with the same horizon accepts.
///
/// # Errors
/// The first clause that is violated.
pub fn check_parents(dag: &Dag, horizon: Option<Round>, block: &Block) -> Result<(), Invalid> {
    let header = block.header();
    let read = |parent: &&BlockRef| horizon.is_none_or(|horizon| parent.round > horizon);
    let own = header
        .parents
        .first()
        .filter(|parent| parent.author == header.author)
        .filter(read);
    if let Some(own) = own.and_then(|own| dag.get(own))
        && header.time_ms < own.block.header().time_ms
    {
        return Err(Invalid::V5Time);
    }
    let exposed = exposed(dag, block.strong_parents().filter(read), header.round);
    if header
        .parents
        .iter()
        .any(|parent| exposed.contains(parent.author))
        && !planted("no V6 exclusion")
    {
        return Err(Invalid::V6Exclusion);
    }
    Ok(())
}

/// The authors of whom the strong parents of a block at `round` reference two different blocks of
/// round − 2.
pub(crate) fn exposed<'a>(
    dag: &Dag,
    strong: impl Iterator<Item = &'a BlockRef>,
    round: Round,
) -> SiteSet {
    let mut first: Vec<Option<BlockRef>> = Vec::new();
    let mut exposed = SiteSet::EMPTY;
    for grandparent in strong
        .filter_map(|parent| dag.get(parent))
        .flat_map(|entry| {
            entry
                .block
                .header()
                .parents
                .iter()
                .filter(move |p| p.round.0 + 2 == round.0)
        })
    {
        let index = grandparent.author.index();
        if first.len() <= index {
            first.resize(index + 1, None);
        }
        match first.get_mut(index) {
            Some(known @ None) => *known = Some(*grandparent),
            Some(Some(known)) if known != grandparent => {
                exposed.insert(grandparent.author);
            }
            _ => {}
        }
    }
    exposed
}

/// Parents for a block of `author` at `round` that satisfy V3, V4, V6 and V8, or `None` while
/// there are none: clause A1 of the pacemaker (correction 6).
///
/// The author's own block first; then one strong parent per author, for twins the first accepted;
/// then a weak parent for each author without a strong one whose newest block is not yet in the
/// history of the others. Strong parents that `avoid` names are left out if a quorum remains. If
/// these are not legal, the strong parents of a block of that round that is here already are: so a
/// site can always follow where another has gone, and a group in which all are as far as the
/// furthest has a quorum of blocks whose authors nobody excludes.
pub fn choose_parents(
    parameters: &Parameters,
    dag: &Dag,
    author: SiteId,
    round: Round,
    avoid: impl Fn(&Block) -> bool,
) -> Option<Vec<BlockRef>> {
    let below = round.minus(1);
    let quorum = parameters.resilience.quorum();
    let first: Vec<BlockRef> = SiteId::all(parameters.resilience.sites())
        .filter_map(|site| dag.slot(site, below).first())
        .map(|entry| entry.block.reference())
        .collect();
    let wanted = |strong: &mut Vec<BlockRef>| {
        strong.retain(|p| p.author == author || dag.get(p).is_some_and(|e| !avoid(&e.block)));
    };
    let legal = legal_strong(dag, round, first, quorum).or_else(|| {
        dag.round(round).find_map(|template| {
            let mut strong: Vec<BlockRef> = template.block.strong_parents().copied().collect();
            let own = dag.slot(author, below).first().map(|e| e.block.reference());
            let with_own = own.filter(|own| strong.iter().all(|p| p.author != own.author));
            strong.extend(with_own);
            let without_own = strong
                .iter()
                .filter(|p| Some(**p) != with_own)
                .copied()
                .collect();
            legal_strong(dag, round, strong, quorum)
                .or_else(|| legal_strong(dag, round, without_own, quorum))
        })
    })?;
    let mut strong = legal.clone();
    wanted(&mut strong);
    let strong = if strong.len() >= quorum {
        strong
    } else {
        legal
    };
    let exposed = exposed(dag, strong.iter(), round);
    let mut parents = strong;
    let deepest = round.minus(parameters.reference_depth());
    for site in SiteId::all(parameters.resilience.sites()) {
        if exposed.contains(site) || parents.iter().any(|parent| parent.author == site) {
            continue;
        }
        let newest = newest_below(dag, site, below, deepest);
        let in_history = |r: BlockRef| {
            parents
                .iter()
                .any(|p| dag.get(p).is_some_and(|entry| entry.seen(site) >= r.round))
        };
        if let Some(weak) = newest
            && (site == author || !in_history(weak))
        {
            parents.push(weak);
        }
    }
    parents.sort_by_key(|parent| parent.author != author);
    Some(parents)
}

/// The strong parents without those of authors that they expose, if a quorum remains.
fn legal_strong(
    dag: &Dag,
    round: Round,
    mut strong: Vec<BlockRef>,
    quorum: usize,
) -> Option<Vec<BlockRef>> {
    let exposed = exposed(dag, strong.iter(), round);
    strong.retain(|parent| !exposed.contains(parent.author));
    (strong.len() >= quorum).then_some(strong)
}

fn newest_below(dag: &Dag, site: SiteId, below: Round, deepest: Round) -> Option<BlockRef> {
    let mut round = below;
    while round > deepest.max(dag.base()) && round > Round(0) {
        round = round.minus(1);
        if let Some(entry) = dag.slot(site, round).first() {
            return (round >= deepest).then(|| entry.block.reference());
        }
    }
    None
}
