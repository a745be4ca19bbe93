//! A group whose messages all take one step: what the good case costs.

use std::collections::{BTreeMap, BTreeSet};

use maftia_agreement::host::Service;
use maftia_agreement::{Context as Place, Misbehaviour};
use maftia_codec::Wire;
use maftia_protocol::{Event, Step, Target};
use maftia_types::{Resilience, SiteId, Time};

use crate::arena::place;

/// What was seen: per site the step of its first output, and how many messages sites sent others.
#[derive(Debug)]
pub(crate) struct Seen<O> {
    pub(crate) outputs: BTreeMap<SiteId, (usize, O)>,
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) steps: usize,
    pub(crate) faults: Vec<(SiteId, Misbehaviour)>,
}

impl<O> Seen<O> {
    /// The step in which the last site gave its output.
    pub(crate) fn steps_of_last(&self) -> usize {
        self.outputs
            .values()
            .map(|(step, _)| *step)
            .max()
            .unwrap_or(0)
    }

    const fn nothing() -> Self {
        Self {
            outputs: BTreeMap::new(),
            messages: 0,
            bytes: 0,
            steps: 0,
            faults: Vec::new(),
        }
    }
}

/// Runs until nothing is under way. Silent sites get no command and handle nothing.
pub(crate) fn run<P>(
    resilience: Resilience,
    silent: &[usize],
    mut make: impl FnMut(Place) -> P,
    mut command: impl FnMut(SiteId) -> Option<P::Command>,
) -> Seen<P::Output>
where
    P: Service<Message: Clone + Wire, Error: std::fmt::Debug>,
{
    let n = resilience.sites();
    let silent: BTreeSet<_> = silent.iter().copied().collect();
    let mut seen = Seen::nothing();
    let mut sites: Vec<P> = SiteId::all(n)
        .map(|own| make(place(resilience, own)))
        .collect();
    let mut flying = Vec::new();
    for site in SiteId::all(n).filter(|site| !silent.contains(&site.index())) {
        if let Some(command) = command(site) {
            let step = sites[site.index()].command(Time::ZERO, command).unwrap();
            perform(&mut seen, &mut sites, &mut flying, site, step);
        }
    }
    settle(&mut seen, &mut sites, flying, &silent);
    seen
}

/// Runs from messages that silent sites have sent, until nothing is under way.
pub(crate) fn inject<P>(
    resilience: Resilience,
    silent: &[usize],
    make: impl FnMut(Place) -> P,
    flying: Vec<(SiteId, SiteId, P::Message)>,
) -> Seen<P::Output>
where
    P: Service<Message: Clone + Wire>,
{
    let mut seen = Seen::nothing();
    let own = SiteId::all(resilience.sites()).map(|own| place(resilience, own));
    let mut sites: Vec<P> = own.map(make).collect();
    let silent = silent.iter().copied().collect();
    settle(&mut seen, &mut sites, flying, &silent);
    seen
}

fn settle<P>(
    seen: &mut Seen<P::Output>,
    sites: &mut [P],
    mut flying: Vec<(SiteId, SiteId, P::Message)>,
    silent: &BTreeSet<usize>,
) where
    P: Service<Message: Clone + Wire>,
{
    while !flying.is_empty() {
        seen.steps += 1;
        for (from, to, message) in std::mem::take(&mut flying) {
            if silent.contains(&SiteId::index(to)) {
                continue;
            }
            let event = Event::Message { from, message };
            let step = sites[to.index()].handle(Time::ZERO, event);
            perform(seen, sites, &mut flying, to, step);
        }
    }
}

fn perform<P>(
    seen: &mut Seen<P::Output>,
    sites: &mut [P],
    flying: &mut Vec<(SiteId, SiteId, P::Message)>,
    site: SiteId,
    step: Step<P>,
) where
    P: Service<Message: Clone + Wire>,
{
    let faults = step.faults.into_iter();
    seen.faults
        .extend(faults.map(|fault| (fault.culprit, fault.misbehaviour)));
    for output in step.outputs {
        seen.outputs.entry(site).or_insert((seen.steps, output));
    }
    for out in step.messages {
        let bytes = out.message.to_bytes().len();
        for to in SiteId::all(sites.len()) {
            let meant = match out.target {
                Target::All => true,
                Target::Others => to != site,
                Target::One(one) => to == one,
            };
            if meant && to != site {
                seen.messages += 1;
                seen.bytes += bytes;
                flying.push((site, to, out.message.clone()));
            }
        }
        if matches!(out.target, Target::All) || out.target == Target::One(site) {
            let event = Event::Message {
                from: site,
                message: out.message,
            };
            let step = sites[site.index()].handle(Time::ZERO, event);
            perform(seen, sites, flying, site, step);
        }
    }
}
