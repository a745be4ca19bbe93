//! Starting a site from what its disk held.

use std::sync::Arc;

use maftia_activity::replication::StateMachine;
use maftia_membership::Membership;
use maftia_ordering::{Boot as EngineBoot, Engine, Frontier, Identity, Parameters};
use maftia_protocol::Step;
use maftia_types::{CoinUse, Time};

use crate::chain::Chain;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::coin::asynchronous;
use crate::epochs::turn::{by_epoch, place_in};
use crate::epochs::{Beginning, Epochs};
use crate::head::Realm;
use crate::image::Restored;
use crate::intake::Intake;
use crate::ledger::Ledger;
use crate::lending::Lending;
use crate::repeats::Repeats;
use crate::replica::{Output, Replica, Settings};
use crate::ruling::Reign;

/// What the disk held when the site started.
#[derive(Debug, Default)]
pub struct Boot {
    /// The newest image.
    pub image: Option<Restored>,
    /// The records of the log, in the order written.
    pub records: Vec<maftia_ordering::Record>,
    /// Whether the log is missing or damaged.
    pub lost: bool,
    /// Fresh at each boot.
    pub nonce: u64,
    /// This site's half of the keyed services, if the group has them.
    pub site_half: Option<maftia_activity::keys::Site>,
    /// Who the sites are; none in a group whose sites never change.
    pub beginning: Option<Beginning>,
}

/// Why a site cannot start from what its disk held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The image is not one that this program wrote.
    #[error("the snapshot does not decode; remove it and let the site fetch the state")]
    Image,
}

impl Replica {
    /// Starts a site from what its disk held. `machine` is empty.
    ///
    /// # Errors
    /// [`BootError::Image`].
    pub fn boot(
        parameters: Parameters,
        settings: Settings,
        identity: Identity,
        mut machine: Box<dyn StateMachine>,
        boot: Boot,
        now: Time,
    ) -> Result<(Self, Step<Self>), BootError> {
        let needed = parameters.resilience.one_correct();
        let mut checkpoints = Checkpoints::default();
        let (beginning, has_image) = (boot.beginning, boot.image.is_some());
        let (frontier, mut ledger, window) = match boot.image {
            None => {
                let state = beginning.as_ref();
                let state = state.map(|own| Membership::new(own.view.clone(), own.policy));
                let ledger = Ledger::new(settings.limits, needed, state);
                (Frontier::start(), ledger, Vec::new())
            }
            Some(image) => {
                machine.restore(&image.app).map_err(|_| BootError::Image)?;
                let ledger = Ledger::restore(settings.limits, needed, image.ledger.clone())
                    .map_err(|_| BootError::Image)?;
                let realm = Realm::new(ledger.membership(), &parameters, &identity.keys);
                let stable = stable_of(&image, realm, machine.as_mut());
                checkpoints.set_stable(Arc::new(stable));
                (image.frontier, ledger, image.window)
            }
        };
        if let Some(beginning) = &beginning {
            ledger.clients.clone_from(&beginning.clients);
        }
        ledger.coin = settings.coin;
        let (parameters, identity) = place_in(&ledger, beginning.as_ref(), parameters, identity);
        let half = (boot.site_half.as_ref(), identity.me);
        let parameters = Parameters {
            asynchronous: match settings.coin {
                // The caller's own coin, if it has one: simulated worlds do.
                CoinUse::Never => parameters.asynchronous,
                wanted => asynchronous(wanted, machine.keys(), half),
            },
            ..parameters
        };
        let mut replay = by_epoch(boot.records, parameters.epoch);
        let epochs = beginning.map(|own| Epochs::new(own, &ledger, has_image));
        let mut records = window;
        records.extend(replay.remove(&parameters.epoch).unwrap_or_default());
        if !records.is_empty() && epochs.as_ref().is_some_and(|own| own.hollow) {
            // Read once more with the state that is fetched: they say what this site has signed.
            replay.insert(parameters.epoch, records.clone());
        }
        let keys = identity.keys.clone();
        let below = EngineBoot {
            frontier,
            records,
            lost: boot.lost,
            nonce: boot.nonce,
        };
        let (engine, below) = Engine::boot(parameters, identity, below, now);
        let mut replica = Self {
            engine,
            machine,
            epochs,
            ledger,
            intake: Intake::default(),
            repeats: Repeats::default(),
            checkpoints,
            lending: Lending::default(),
            fetch: None,
            settings,
            keys,
            diverged: false,
            chain: Chain::default(),
            reign: Reign::default(),
            custodian: None,
            site_half: boot.site_half,
            replay,
            nonce: boot.nonce,
            evidence: Vec::new(),
            watch: None,
            logged_bytes: 0,
            image_wanted: false,
        };
        let mut step = Step::none();
        replica.begin(now, below, &mut step);
        if let Some(site) = replica.site_half.take() {
            replica.employ(now, site, &mut step);
        }
        replica.finish(&mut step);
        Ok((replica, step))
    }

    /// Reads the log again, or begins to fetch what it does not hold.
    fn begin(&mut self, now: Time, below: Step<Engine>, step: &mut Step<Self>) {
        if self.is_hollow() {
            self.start_fetch(now);
        } else {
            self.tell_sites(step);
            self.lift(now, below, step);
        }
        if !self.is_hollow() {
            self.replay.clear();
        }
        if self
            .epochs
            .as_ref()
            .is_some_and(|own| !own.leavers.is_empty())
        {
            step.outputs.push(Output::Sites);
        }
        self.follow_kept(now, step);
        self.leave_again(now);
        self.watch_anew(now);
    }
}

/// The checkpoint that an image was made of; the machine has been restored from it.
fn stable_of(image: &Restored, realm: Realm, machine: &mut dyn StateMachine) -> Checkpoint {
    let frontier = image.frontier.clone();
    Checkpoint::new(realm, frontier, &image.ledger, machine.snapshot(), None)
}
