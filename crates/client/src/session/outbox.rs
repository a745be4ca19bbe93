use std::collections::BTreeMap;

use maftia_replica::{Bodies, ClientMessage, Span};
use maftia_types::{Digest, Incarnation, SiteId, SiteSet};

/// A message and the sites it goes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// To whom.
    pub to: SiteSet,
    /// What.
    pub message: ClientMessage,
}

/// Bodies in one message, so that a link can put other sessions' messages between: several
/// batches of ordinary size, or one longer one.
const SUBMIT_BYTES_MAX: usize = 256 * 1024;

/// What is to be sent at the end of a tick: one message of bodies and one of digests per site,
/// however many requests there are.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bodies: BTreeMap<(SiteId, Incarnation), BTreeMap<Span, Bodies>>,
    /// In order and each once, as sites want it: what else comes is passed over.
    digests: BTreeMap<(u64, Incarnation), BTreeMap<Span, Digest>>,
}

impl Outbox {
    pub(super) fn bodies(&mut self, to: SiteId, life: Incarnation, span: Span, bodies: &Bodies) {
        let batches = self.bodies.entry((to, life)).or_default();
        batches.insert(span, bodies.clone());
    }

    pub(super) fn digest(&mut self, to: SiteSet, life: Incarnation, span: Span, digest: Digest) {
        if !to.is_empty() {
            let digests = self.digests.entry((to.bits(), life)).or_default();
            digests.insert(span, digest);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bodies.is_empty() && self.digests.is_empty()
    }

    /// The messages of session `session`.
    pub(super) fn drain(&mut self, session: u32, out: &mut Vec<Outgoing>) {
        for ((to, incarnation), digests) in std::mem::take(&mut self.digests) {
            out.push(Outgoing {
                to: SiteSet::from_bits(to),
                message: ClientMessage::Vouch {
                    session,
                    incarnation,
                    digests: digests.into_iter().collect(),
                },
            });
        }
        for ((to, incarnation), bodies) in std::mem::take(&mut self.bodies) {
            let to = SiteSet::from_iter([to]);
            for batches in split(bodies) {
                out.push(Outgoing {
                    to,
                    message: ClientMessage::Submit {
                        session,
                        incarnation,
                        batches,
                    },
                });
            }
        }
    }
}

fn split(batches: BTreeMap<Span, Bodies>) -> Vec<Vec<(Span, Bodies)>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = 0;
    for (span, bodies) in batches {
        if bytes > 0 && bytes + bodies.len() > SUBMIT_BYTES_MAX {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += bodies.len();
        if let Some(part) = parts.last_mut() {
            part.push((span, bodies));
        }
    }
    parts
}
