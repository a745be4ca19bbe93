use std::fmt;

use maftia_protocol::{Protocol, Target};
use maftia_types::{Fault, SiteId, SiteSet, Time};

/// A promise of the protocol, checked against everything that correct sites do.
///
/// One object per property, named as in the literature, with arithmetic of its own.
pub trait Property<P: Protocol> {
    /// The name a failure is reported under.
    fn name(&self) -> &str;

    /// Something happened at a correct site.
    ///
    /// # Errors
    /// If the promise is broken.
    fn observe(&mut self, now: Time, observation: &Observation<'_, P>) -> Result<(), Violation>;

    /// The run is over and was live.
    ///
    /// # Errors
    /// If the promise is broken.
    fn finish(&mut self, now: Time) -> Result<(), Violation> {
        let _ = now;
        Ok(())
    }

    /// For a promise that something happens in the end: whether it has. The healed world runs on
    /// until it has or its bound is reached.
    fn done(&self) -> bool {
        true
    }

    /// What is still waited for, in words, while not `done`.
    fn stuck(&self) -> String {
        String::new()
    }
}

/// What correct sites do, and what befalls them. Corrupted sites are never observed.
pub enum Observation<'a, P: Protocol> {
    /// A site started or started again.
    Booted {
        /// Which.
        site: SiteId,
        /// How often it had started before.
        incarnation: u32,
    },
    /// A site crashed.
    Crashed {
        /// Which.
        site: SiteId,
    },
    /// A command reached a replica that is about to handle it.
    Commanded {
        /// Where.
        site: SiteId,
        /// What.
        command: &'a P::Command,
    },
    /// A replica blamed a peer.
    Faulted {
        /// Who blames.
        site: SiteId,
        /// Whom, for what.
        fault: &'a Fault<P::Misbehaviour>,
    },
    /// Faults are over: links are perfect, all sites are up.
    Healed,
    /// A replica handed this up and it is durable.
    Output {
        /// Where.
        site: SiteId,
        /// What.
        output: &'a P::Output,
    },
    /// A replica wrote this; it is not durable yet.
    Recorded {
        /// Where.
        site: SiteId,
        /// What.
        record: &'a P::Record,
    },
    /// A message left a site.
    Sent {
        /// From where.
        site: SiteId,
        /// For whom.
        target: Target,
        /// What.
        message: &'a P::Message,
    },
    /// A replica handled something; here is its state.
    Stepped {
        /// Which.
        site: SiteId,
        /// Its state.
        replica: &'a P,
    },
    /// A site lost its disk.
    Wiped {
        /// Which.
        site: SiteId,
    },
}

/// A broken promise.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{property} is violated: {text}")]
pub struct Violation {
    /// Which.
    pub property: String,
    /// How.
    pub text: String,
}

impl Violation {
    /// A broken promise and the evidence.
    pub fn new(property: impl Into<String>, text: impl fmt::Display) -> Self {
        Self {
            property: property.into(),
            text: text.to_string(),
        }
    }
}

/// Blame soundness: no correct site is ever blamed.
#[derive(Clone, Copy, Debug)]
pub struct BlameSoundness {
    corrupted: SiteSet,
}

impl BlameSoundness {
    /// With these corrupted sites, who may be blamed.
    pub const fn new(corrupted: SiteSet) -> Self {
        Self { corrupted }
    }
}

impl<P: Protocol> Property<P> for BlameSoundness {
    fn name(&self) -> &str {
        "blame soundness"
    }

    fn observe(&mut self, _: Time, observation: &Observation<'_, P>) -> Result<(), Violation> {
        match observation {
            Observation::Faulted { site, fault } if !self.corrupted.contains(fault.culprit) => {
                let text = format!("{site} blames the correct site {}", fault.culprit);
                Err(Violation::new("blame soundness", text))
            }
            _ => Ok(()),
        }
    }
}
