use std::net::TcpListener;

use maftia_config::{GroupFile, Kind, SiteFile};
use maftia_crypto::SigningKey;
use maftia_membership::membership::Policy;
use maftia_multipoint::{Config, Limits, Listen, Network};
use maftia_ordering::{CheckpointPolicy, Identity, Pacing, Parameters};
use maftia_replica::{Beginning, Settings};
use tokio::sync::mpsc;

use crate::control::Control;
use crate::daemon::{Daemon, Parts};
use crate::error::SiteError;
use crate::harness::Harness;
use crate::intruder::Intruder;
use crate::sites::Sites;

/// D_gc in rounds: at a thousand rounds a second a block has an eighth of a second to be
/// referenced before its requests are proposed anew.
const DELIVERY_DEPTH: u64 = 128;
/// Questions of the HTTP side that may wait for the loop.
const CONTROL_QUEUE: usize = 64;

/// What a site is started with.
#[derive(Debug)]
pub struct Site {
    /// The group.
    pub group: GroupFile,
    /// This site's file.
    pub file: SiteFile,
    /// Its key.
    pub key: SigningKey,
    /// The token of its HTTP interface.
    pub token: Option<String>,
    /// A socket that is bound already, instead of the file's address.
    pub listener: Option<TcpListener>,
    /// The channel inherited from `demo` or `dev`.
    pub harness: Option<Harness>,
}

/// Runs a site until `stop` resolves or something fatal happens. Needs a tokio runtime; one thread
/// is enough and fastest.
///
/// # Errors
/// [`SiteError`].
///
/// # Panics
/// If the key is not that of a site of the group, which the caller has checked.
pub async fn run(site: Site, stop: impl Future<Output = ()>) -> Result<(), SiteError> {
    let me = site
        .group
        .place(&site.key.public())
        .expect("the site is in the group");
    let listen = match site.listener {
        Some(listener) => Listen::On(listener),
        None => Listen::At(site.file.listen),
    };
    let config = Config {
        directory: site.group.directory().clone(),
        listen,
        instance: 0,
        limits: Limits::default(),
    };
    let (network, events) = Network::start(&site.key, config)?;
    let (control, requests) = mpsc::channel(CONTROL_QUEUE);
    if let Some(address) = site.file.http {
        let bound = crate::http::serve(address, site.token, control.clone()).await?;
        tracing::info!(%bound, "HTTP interface");
    }
    let intruder = match site.harness {
        Some(harness) if site.group.group().kind != Kind::Production => {
            harness.listen(control.clone());
            let seed = site.key.seed().expect("a site's key is a real one");
            let seed = SigningKey::from_seed(*seed);
            Some(Intruder::new(
                me,
                site.group.resilience(),
                seed,
                rand::random(),
            ))
        }
        _ => None,
    };
    let daemon = Daemon::start(Parts {
        parameters: parameters(&site.group),
        settings: settings(&site.group),
        identity: Identity {
            me,
            key: site.key,
            keys: site.group.site_keys(),
        },
        sites: Sites::of(&site.group),
        beginning: beginning(&site.group),
        powers: site.group.powers(),
        approvals: site.group.group().keys.approvals.get(),
        data_dir: site.file.data,
        network,
        intruder,
    })?;
    let running = daemon.run(events, requests);
    tokio::pin!(running, stop);
    tokio::select! {
        ended = &mut running => return ended,
        () = &mut stop => {}
    }
    // The loop holds the other end; if it is gone it has ended by itself.
    let _ = control.send(Control::Stop).await;
    running.await
}

/// Who the sites are by the group's file.
pub(crate) fn beginning(group: &GroupFile) -> Beginning {
    Beginning {
        view: group.view().clone(),
        joiners: group.joiners(),
        policy: Policy {
            approvals: group.group().members.approvals,
        },
        clients: group
            .group()
            .clients
            .iter()
            .map(|own| (own.key, own.powers))
            .collect(),
        chain: Vec::new(),
        restored: group.group().restored.is_some(),
    }
}

/// Bounds of the ordered state, and when a coin names leaders: all sites of a group have the same.
pub(crate) fn settings(group: &GroupFile) -> Settings {
    let client_keys = u32::try_from(group.group().clients.len()).unwrap_or(u32::MAX);
    let limits = maftia_replica::Limits {
        client_keys,
        ..maftia_replica::Limits::default()
    };
    Settings {
        limits,
        coin: group.group().asynchronous,
        ..Settings::default()
    }
}

/// The constants of every epoch, with what the group's file says of its own. The coin is of an epoch
/// and not of the file: see [`settings`].
pub(crate) fn parameters(group: &GroupFile) -> Parameters {
    Parameters {
        config: *group.digest(),
        epoch: group.view().epoch(),
        resilience: group.resilience(),
        fast_path: group.group().fast_path,
        asynchronous: maftia_ordering::Asynchronous::Never,
        seals: None,
        delivery_depth: DELIVERY_DEPTH,
        checkpoints: CheckpointPolicy::default(),
        pacing: Pacing::default(),
    }
}
