//! What an intruder does with a site he owns, or with a network.
//!
//! A [`Strategy`] stands between a replica that works as it should and the world: it sees every
//! [`Step`] the replica wants to perform and every message it receives, and says what really leaves.
//! The same strategies run in the simulator, against thousands of seeds, and in a live site that is
//! told to play the traitor ([`Attack`] names them for a command line). [`AimAtLeaders`] owns no site and
//! delays what the sites say to each other.
//!
//! # Model
//! The intruder owns the site wholly: its signing key, its links, its clients' links. He cannot forge
//! the signatures of other sites, nor the seals of his own site's trusted device where it has one,
//! and links tell their ends who speaks. Sites with the same seed
//! collude: they show the same peers the same face.
//!
//! # Duties of the caller
//! - Give every step of the replica to [`Strategy::tamper`] and perform what it gives back in the
//!   order of `maftia_protocol`; its records are those of the step, so that the site can restart.
//! - Show every received message to [`Strategy::overhear`] before the replica handles it and send
//!   what it gives back.
//!
//! Deterministic: equal seeds and equal calls give equal lies. No clock, no threads; a strategy holds
//! bounded memory ([`HISTORY_MAX`], [`FORKS_MAX`], [`HELD_MAX`]).
//!
//! ```
//! use maftia_adversary::{Attack, Scene};
//! use maftia_crypto::SigningKey;
//! use maftia_protocol::Step;
//! use maftia_types::{FaultModel, Resilience, SiteId};
//!
//! let key = SigningKey::from_seed([1; 32]);
//! let resilience = Resilience::largest(FaultModel::Arbitrary, 4)?;
//! let me = SiteId::new(0).ok_or("no site")?;
//! let scene = Scene { me, resilience: &resilience, audience: 4, key: &key, device: None };
//! let mut traitor = Attack::parse("silence").ok_or("no such attack")?.strategy(7);
//! assert!(traitor.tamper(&scene, Step::none()).messages.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attack;
mod equivocate;
mod fork;
mod lies;
mod network;
mod rude;
mod simple;

use maftia_crypto::SigningKey;
use maftia_ordering::seal::Sealer;
use maftia_protocol::{Step, Target};
use maftia_replica::{Message, Output, Record, Replica};
use maftia_types::{Resilience, SiteId};

pub use attack::Attack;
pub use equivocate::Equivocate;
pub use fork::FORKS_MAX;
pub use network::{AimAtLeaders, HELD_MAX};
pub use rude::{HISTORY_MAX, Manners, Rude};
pub use simple::{ForgeReplies, Impersonate, LieAboutState, Silence, Withhold};

/// Where a strategy acts.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The site it owns.
    pub me: SiteId,
    /// n, f and the thresholds.
    pub resilience: &'a Resilience,
    /// How many sites hear what is for all: the members, then who is joining.
    pub audience: usize,
    /// The site's signing key.
    pub key: &'a SigningKey,
    /// In a hybrid group the site's trusted device, if the strategy is to have it and the replica
    /// is not: it seals what it is given, but one header a round.
    pub device: Option<&'a dyn Sealer>,
}

/// What leaves the site in place of a step.
#[derive(Debug, Default)]
pub struct Sent {
    /// To be made durable, as the step said.
    pub records: Vec<Record>,
    /// To whom what is sent.
    pub messages: Vec<(SiteId, Message)>,
    /// What clients and the operator are shown.
    pub outputs: Vec<Output>,
}

/// One way to betray.
pub trait Strategy: Send {
    /// Says what leaves in place of a step.
    fn tamper(&mut self, scene: &Scene<'_>, step: Step<Replica>) -> Sent;

    /// The site receives a message; gives what is said in return, before the replica's own answer.
    fn overhear(
        &mut self,
        scene: &Scene<'_>,
        from: SiteId,
        message: &Message,
    ) -> Vec<(SiteId, Message)> {
        let _ = (scene, from, message);
        Vec::new()
    }
}

impl Scene<'_> {
    /// The other sites that a message is for.
    pub(crate) fn recipients(&self, target: Target) -> impl Iterator<Item = SiteId> + use<> {
        let me = self.me;
        SiteId::all(self.audience).filter(move |site| {
            *site != me
                && match target {
                    Target::All | Target::Others => true,
                    Target::One(to) => *site == to,
                }
        })
    }
}
