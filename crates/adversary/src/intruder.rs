use std::sync::Arc;

use bytes::Bytes;
use maftia_crypto::SigningKey;
use maftia_ordering::{Block, BlockRef, Message as Ordering};
use maftia_protocol::{Outgoing, Release, Step, Target};
use maftia_replica::{Fate, Message, Output, Replica};
use maftia_types::SiteId;

/// What an intruder makes a site do that otherwise runs the real program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Behaviour {
    /// Nothing wrong.
    #[default]
    None,
    /// Sends nothing, to nobody.
    Silence,
    /// Signs a second block for each round and shows one to some sites, the other to the rest.
    Equivocate,
    /// Lies to clients about results and positions.
    ForgeReplies,
    /// Equivocates and forges replies.
    EquivocateAndForge,
}

impl Behaviour {
    /// Reads the name that the command line uses.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "silence" => Self::Silence,
            "equivocate" => Self::Equivocate,
            "forge-replies" => Self::ForgeReplies,
            "equivocate-and-forge" => Self::EquivocateAndForge,
            _ => return None,
        })
    }
}

/// An intruder in one site: holds its key and sees everything it does.
#[derive(Debug)]
pub struct Intruder {
    me: SiteId,
    sites: usize,
    key: SigningKey,
    behaviour: Behaviour,
    /// The latest own blocks and their twins, for the payloads that follow.
    twins: Vec<(BlockRef, BlockRef)>,
}

/// Twins remembered: payloads follow their headers at once.
const TWINS_MAX: usize = 64;

impl Intruder {
    /// An intruder that does nothing yet.
    pub const fn new(me: SiteId, sites: usize, key: SigningKey) -> Self {
        Self {
            me,
            sites,
            key,
            behaviour: Behaviour::None,
            twins: Vec::new(),
        }
    }

    /// What to do from now on.
    pub const fn set(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour;
    }

    /// What the site really does instead of `step`. Its own log is left alone.
    pub fn corrupt(&mut self, step: Step<Replica>) -> Step<Replica> {
        match self.behaviour {
            Behaviour::None => step,
            Behaviour::Silence => Step {
                messages: Vec::new(),
                outputs: Vec::new(),
                ..step
            },
            Behaviour::Equivocate => self.equivocate(step),
            Behaviour::ForgeReplies => forge(step),
            Behaviour::EquivocateAndForge => forge(self.equivocate(step)),
        }
    }

    fn equivocate(&mut self, step: Step<Replica>) -> Step<Replica> {
        let mut messages = Vec::new();
        for out in step.messages {
            match out.message {
                Message::Ordering(Ordering::Block { block, payload })
                    if block.author() == self.me && out.target == Target::Others =>
                {
                    self.split_block(&block, payload.as_ref(), &mut messages);
                }
                Message::Ordering(Ordering::Payload { block, payload }) => {
                    self.split_payload(block, &payload, out.target, &mut messages);
                }
                message => messages.push(Outgoing { message, ..out }),
            }
        }
        Step { messages, ..step }
    }

    fn split_block(
        &mut self,
        block: &Arc<Block>,
        payload: Option<&Bytes>,
        messages: &mut Vec<Outgoing<Message>>,
    ) {
        let mut header = block.header().clone();
        header.time_ms = header.time_ms.saturating_add(1);
        let twin = Block::sign(header, &self.key);
        self.twins.push((block.reference(), twin.reference()));
        if self.twins.len() > TWINS_MAX {
            self.twins.remove(0);
        }
        for to in self.others() {
            let shown = if is_deceived(to) { &twin } else { block };
            let (block, payload) = (Arc::clone(shown), payload.cloned());
            messages.push(to_one(to, Ordering::Block { block, payload }));
        }
    }

    fn split_payload(
        &self,
        block: BlockRef,
        payload: &Bytes,
        target: Target,
        messages: &mut Vec<Outgoing<Message>>,
    ) {
        let twin = self
            .twins
            .iter()
            .find(|(real, _)| *real == block)
            .map(|(_, twin)| *twin);
        let recipients: Vec<SiteId> = match target {
            Target::One(to) => vec![to],
            Target::All | Target::Others => self.others().collect(),
        };
        for to in recipients {
            let block = twin.filter(|_| is_deceived(to)).unwrap_or(block);
            messages.push(to_one(
                to,
                Ordering::Payload {
                    block,
                    payload: payload.clone(),
                },
            ));
        }
    }

    fn others(&self) -> impl Iterator<Item = SiteId> + use<> {
        let me = self.me;
        SiteId::all(self.sites).filter(move |site| *site != me)
    }
}

/// Which sites see the twin.
const fn is_deceived(site: SiteId) -> bool {
    site.index() % 2 == 1
}

const fn to_one(to: SiteId, message: Ordering) -> Outgoing<Message> {
    Outgoing {
        target: Target::One(to),
        release: Release::AfterDurable,
        message: Message::Ordering(message),
    }
}

/// Every result becomes another one at another position.
fn forge(mut step: Step<Replica>) -> Step<Replica> {
    for output in &mut step.outputs {
        let Output::Replies { replies, .. } = output else {
            continue;
        };
        for reply in replies {
            if let Fate::Executed { position, result } = &mut reply.fate {
                *position = position.wrapping_add(1);
                *result = result.iter().map(|byte| byte ^ 1).collect();
            }
        }
    }
    step
}
