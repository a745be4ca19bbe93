use maftia_types::{Fault, SiteId};

use crate::Protocol;

/// The effects of one event, for the driver to perform in this order.
#[must_use = "a step carries effects that the driver must perform"]
pub struct Step<P: Protocol> {
    /// 1. Durable before anything below leaves the process, but for what is marked
    ///    [`Release::Now`].
    pub records: Vec<P::Record>,
    /// 2. Sent to peers.
    pub messages: Vec<Outgoing<P::Message>>,
    /// 3. Handed upwards.
    pub outputs: Vec<P::Output>,
    /// 4. Reported.
    pub faults: Vec<Fault<P::Misbehaviour>>,
}

/// A message on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing<M> {
    /// To whom.
    pub target: Target,
    /// When it may leave.
    pub release: Release,
    /// What.
    pub message: M,
}

/// Whom a message is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// Every site of the view, the sender included.
    All,
    /// Every site of the view except the sender.
    Others,
    /// One site.
    One(SiteId),
}

/// When a message may leave the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// Once the records of this and all earlier steps are durable: it promises something.
    AfterDurable,
    /// At once: it promises nothing (a fetch, an answer made of what is already durable).
    Now,
}

impl<P: Protocol> Step<P> {
    /// No effects.
    pub const fn none() -> Self {
        Self {
            records: Vec::new(),
            messages: Vec::new(),
            outputs: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Whether there is nothing to perform.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.messages.is_empty()
            && self.outputs.is_empty()
            && self.faults.is_empty()
    }

    /// Adds a message that waits for the log.
    pub fn send(&mut self, target: Target, message: P::Message) {
        self.messages.push(Outgoing {
            target,
            release: Release::AfterDurable,
            message,
        });
    }

    /// Adds a message that promises nothing and need not wait.
    pub fn send_now(&mut self, target: Target, message: P::Message) {
        self.messages.push(Outgoing {
            target,
            release: Release::Now,
            message,
        });
    }

    /// Adds a fault.
    pub fn blame(&mut self, culprit: SiteId, misbehaviour: P::Misbehaviour) {
        self.faults.push(Fault {
            culprit,
            misbehaviour,
        });
    }

    /// Appends the effects of a later event of the same protocol.
    pub fn extend(&mut self, later: Self) {
        self.records.extend(later.records);
        self.messages.extend(later.messages);
        self.outputs.extend(later.outputs);
        self.faults.extend(later.faults);
    }

    /// Composition: takes over a child's effects, lifted into this protocol's types, and gives
    /// back the child's outputs for the parent to act on.
    #[must_use = "the child's outputs are for the parent to act on"]
    pub fn absorb<C: Protocol>(
        &mut self,
        child: Step<C>,
        message: impl Fn(C::Message) -> P::Message,
        record: impl Fn(C::Record) -> P::Record,
    ) -> Vec<C::Output>
    where
        P::Misbehaviour: From<C::Misbehaviour>,
    {
        self.records.extend(child.records.into_iter().map(record));
        self.messages
            .extend(child.messages.into_iter().map(|out| Outgoing {
                target: out.target,
                release: out.release,
                message: message(out.message),
            }));
        self.faults
            .extend(child.faults.into_iter().map(|fault| Fault {
                culprit: fault.culprit,
                misbehaviour: fault.misbehaviour.into(),
            }));
        child.outputs
    }
}

impl<P: Protocol> Default for Step<P> {
    fn default() -> Self {
        Self::none()
    }
}
