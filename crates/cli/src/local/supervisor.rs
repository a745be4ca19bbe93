use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::group_dir::GroupDir;
use crate::local::child::{SiteProcess, kill_leftover};
use crate::local::network::Weather;
use crate::local::orders::{Attack, Order, Orders};

/// How long a site that has died waits before it is started again; doubles up to the next.
const RESTART_MIN: Duration = Duration::from_millis(200);
const RESTART_MAX: Duration = Duration::from_secs(5);
/// A site that has run this long has started well.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);
/// How long `pause` lasts if nothing else is said.
const PAUSE_DEFAULT: Duration = Duration::from_secs(5);
/// The exit code of a site whose disk has failed: starting it again would not help.
const EXIT_DISK: i32 = 4;
const EXIT_ALARM: i32 = 5;
/// Of a site that has no seat any more.
const EXIT_LEFT: i32 = 6;

/// The file in a site's folder that says so, for later starts of the group.
const LEFT: &str = "left";

/// Whether a site has left the group.
pub(crate) fn has_left(dir: &GroupDir, name: &str) -> bool {
    dir.site_dir(name).join(LEFT).exists()
}

fn leave(dir: &GroupDir, name: &str) {
    let path = dir.site_dir(name).join(LEFT);
    if let Err(error) = std::fs::write(&path, "") {
        tracing::warn!(path = %path.display(), %error, "cannot note that the site has left");
    }
}

/// The sites of a local group as processes.
#[derive(Debug)]
pub(crate) struct Supervisor {
    dir: GroupDir,
    sites: BTreeMap<String, Supervised>,
    network: Weather,
    orders: mpsc::Receiver<Order>,
}

#[derive(Debug)]
struct Supervised {
    process: Option<SiteProcess>,
    started: Instant,
    restart_at: Option<Instant>,
    backoff: Duration,
    /// When to end what was ordered.
    relief: Option<(Instant, Attack)>,
}

/// Starts all sites and a task that watches them.
pub(crate) fn start(dir: &GroupDir, names: &[String]) -> Result<(Orders, JoinHandle<()>), Failure> {
    let (sender, orders) = mpsc::channel(16);
    let mut sites = BTreeMap::new();
    for name in names {
        kill_leftover(dir, name);
        sites.insert(name.clone(), Supervised::start(dir, name)?);
    }
    let supervisor = Supervisor {
        dir: dir.clone(),
        sites,
        network: Weather::default(),
        orders,
    };
    Ok((Orders(sender), tokio::spawn(supervisor.run())))
}

impl Supervised {
    fn start(dir: &GroupDir, name: &str) -> Result<Self, Failure> {
        Ok(Self {
            process: Some(SiteProcess::spawn(dir, name)?),
            started: Instant::now(),
            restart_at: None,
            backoff: RESTART_MIN,
            relief: None,
        })
    }
}

impl Supervisor {
    async fn run(mut self) {
        loop {
            let due = self.next_due();
            let (sites, orders) = (&mut self.sites, &mut self.orders);
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Stop(done)) => {
                        self.stop().await;
                        // Whoever asked may be gone.
                        let _ = done.send(());
                        return;
                    }
                    Some(order) => self.obey(order),
                    None => return self.stop().await,
                },
                (name, code) = any_ended(sites) => self.on_end(&name, code),
                () = sleep_until(due) => self.on_time(),
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Attack {
                what,
                site,
                lasting,
                done,
            } => {
                // Whoever asked may be gone.
                let _ = done.send(self.attack(what, &site, lasting));
            }
            Order::Network { order, done } => {
                self.network.order(order);
                let sites = self.sites.values_mut();
                let running = sites.filter_map(|site| site.process.as_mut());
                let _ = done.send(self.network.tell(running));
            }
            Order::Start { site, done } => {
                let started = Supervised::start(&self.dir, &site);
                let started = started.map(|mut own| {
                    self.network.greet(own.process.as_mut());
                    self.sites.insert(site, own)
                });
                // Whoever asked may be gone.
                let _ = done.send(started.map(|_| ()).map_err(|error| error.to_string()));
            }
            Order::Stop(_) => {}
        }
    }

    fn attack(
        &mut self,
        what: Attack,
        name: &str,
        lasting: Option<Duration>,
    ) -> Result<(), String> {
        let known: Vec<&String> = self.sites.keys().collect();
        let unknown = format!("there is no site `{name}`; sites are {known:?}");
        let site = self.sites.get_mut(name).ok_or(unknown)?;
        let process = site
            .process
            .as_mut()
            .ok_or(format!("site {name} is not running"))?;
        let ends = |after: Duration| Some((Instant::now() + after, what));
        match (what, what.line()) {
            (_, Some(line)) => {
                process.tell(line).map_err(|error| error.to_string())?;
                site.relief = lasting.and_then(ends);
            }
            (Attack::Pause, None) => {
                process.signal(Signal::STOP)?;
                site.relief = ends(lasting.unwrap_or(PAUSE_DEFAULT));
            }
            (_, None) => process.signal(Signal::KILL)?,
        }
        tracing::warn!(site = name, what = what.name(), "attack");
        Ok(())
    }

    fn on_end(&mut self, name: &str, code: Option<i32>) {
        let Some(site) = self.sites.get_mut(name) else {
            return;
        };
        site.process = None;
        site.relief = None;
        if code == Some(EXIT_LEFT) {
            self.sites.remove(name);
            leave(&self.dir, name);
            tracing::info!(site = name, "the site has left the group");
            return;
        }
        if matches!(code, Some(EXIT_DISK | EXIT_ALARM)) {
            let log = self.dir.site_dir(name).join("log.txt");
            tracing::error!(site = name, code, log = %log.display(), "the site stopped for good");
            return;
        }
        let healthy = site.started.elapsed() >= HEALTHY_AFTER;
        site.backoff = if healthy {
            RESTART_MIN
        } else {
            (site.backoff * 2).min(RESTART_MAX)
        };
        site.restart_at = Some(Instant::now() + site.backoff);
        tracing::info!(site = name, code, again_in = ?site.backoff, "the site ended");
    }

    /// Restarts and ends attacks whose time has come.
    fn on_time(&mut self) {
        let now = Instant::now();
        if self.network.is_over(now) {
            let sites = self.sites.values_mut();
            let running = sites.filter_map(|site| site.process.as_mut());
            if let Err(error) = self.network.tell(running) {
                tracing::error!(%error, "the network of a site stays as it was");
            }
        }
        for (name, site) in &mut self.sites {
            if site.restart_at.is_some_and(|at| at <= now) {
                site.restart_at = None;
                site.started = now;
                match SiteProcess::spawn(&self.dir, name) {
                    Ok(process) => {
                        let process = site.process.insert(process);
                        self.network.greet(Some(process));
                    }
                    Err(failure) => {
                        tracing::error!(site = name, %failure, "the site does not start");
                        site.restart_at = Some(now + RESTART_MAX);
                    }
                }
            }
            if let Some((_, what)) = site.relief.filter(|(at, _)| *at <= now) {
                site.relief = None;
                if let Some(process) = &mut site.process {
                    // A process that ended meanwhile is beyond the attack.
                    let _ = match what {
                        Attack::Pause => process.signal(Signal::CONT),
                        _ => process.tell(Attack::None.name()).map_err(|e| e.to_string()),
                    };
                }
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let relief = |site: &Supervised| site.relief.map(|(at, _)| at);
        self.sites
            .values()
            .flat_map(|site| [site.restart_at, relief(site)])
            .flatten()
            .chain(self.network.until())
            .min()
    }

    async fn stop(&mut self) {
        let processes = self
            .sites
            .values_mut()
            .filter_map(|site| site.process.take());
        let stopping: Vec<_> = processes
            .map(|process| tokio::spawn(process.stop()))
            .collect();
        for stopped in stopping {
            // Stopping does not panic; if it did, the process is killed on drop.
            let _ = stopped.await;
        }
    }
}

/// Resolves when one of the processes ends.
async fn any_ended(sites: &mut BTreeMap<String, Supervised>) -> (String, Option<i32>) {
    let mut running: Vec<_> = sites
        .iter_mut()
        .filter_map(|(name, site)| Some((name.clone(), site.process.as_mut()?)))
        .map(|(name, process)| Box::pin(async move { (name, process.ended().await) }))
        .collect();
    if running.is_empty() {
        return std::future::pending().await;
    }
    std::future::poll_fn(|context| {
        running
            .iter_mut()
            .find_map(|ended| match ended.as_mut().poll(context) {
                std::task::Poll::Ready(ended) => Some(std::task::Poll::Ready(ended)),
                std::task::Poll::Pending => None,
            })
            .unwrap_or(std::task::Poll::Pending)
    })
    .await
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
