use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU8;
use std::path::Path;
use std::time::{Duration, Instant};

use maftia_config::{GroupFile, Kind, consecutive};
use maftia_types::{CoinUse, FaultModel};
use rustix::fs::{FlockOperation, flock};
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::group_dir::{GroupDir, Wanted};
use crate::init::FIRST_PORT;
use crate::local::orders::Orders;
use crate::local::supervisor;

/// Clients of a local group: the agent's, and the load's.
pub(crate) const AGENT: &str = "agent";
pub(crate) const LOAD: &str = "load";

/// How long a predecessor that is being killed may take to let go of the folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// A group whose sites run on this machine as children of this process.
#[derive(Debug)]
pub(crate) struct LocalGroup {
    pub(crate) dir: GroupDir,
    pub(crate) group: GroupFile,
    pub(crate) orders: Orders,
    supervisor: JoinHandle<()>,
    _lock: std::fs::File,
}

impl LocalGroup {
    /// Starts the group in a folder, which is made if there is none yet. What `shape` says must be
    /// so in a group that is there already.
    pub(crate) fn start(path: &Path, kind: Kind, shape: Shape) -> Result<Self, Failure> {
        std::fs::create_dir_all(path)
            .map_err(|error| Failure::failed(format!("cannot make {}: {error}", path.display())))?;
        let path = path
            .canonicalize()
            .map_err(|error| Failure::failed(format!("cannot use {}: {error}", path.display())))?;
        let lock = lock(&path)?;
        let dir = GroupDir::new(&path.join("group"));
        let group = if dir.exists() {
            let group = GroupFile::load(&dir.group_path())?;
            shape.check(&path, &group)?;
            group
        } else {
            make(&dir, &path.join("group.new"), kind, shape)?
        };
        let names = names(&dir, &group)?;
        let (orders, supervisor) = supervisor::start(&dir, &names)?;
        Ok(Self {
            dir,
            group,
            orders,
            supervisor,
            _lock: lock,
        })
    }

    /// Stops all sites in good order.
    pub(crate) async fn stop(self) {
        self.orders.stop().await;
        // It ends after the order; if it panicked, its sites were killed with it.
        let _ = self.supervisor.await;
    }
}

/// The sites to start: those of the group's file and those that have joined since, but for those that
/// have left.
fn names(dir: &GroupDir, group: &GroupFile) -> Result<Vec<String>, Failure> {
    let sites = dir.path().join("sites");
    let fail = |error: std::io::Error| {
        Failure::failed(format!("cannot read {}: {error}", sites.display()))
    };
    let mut names: Vec<String> = group.sites().map(|(_, site)| site.name.clone()).collect();
    for entry in std::fs::read_dir(&sites).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        let Some(name) = name.to_str().map(ToOwned::to_owned) else {
            continue;
        };
        let ready = ["site.toml", "group.toml"];
        let joined = ready
            .iter()
            .all(|file| dir.site_dir(&name).join(file).exists());
        if joined && !names.contains(&name) {
            names.push(name);
        }
    }
    names.retain(|name| !supervisor::has_left(dir, name));
    Ok(names)
}

/// What is asked of a local group; a new one is by default of four sites.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) sites: Option<u8>,
    pub(crate) fast_path: Option<bool>,
    pub(crate) asynchronous: Option<CoinUse>,
}

impl Shape {
    /// Whether a group is as asked for: what was decided when it was made cannot be changed.
    fn check(self, path: &Path, group: &GroupFile) -> Result<(), Failure> {
        let (sites, fast_path) = (group.group().sites.len(), group.group().fast_path);
        let path = path.display();
        if self.sites.is_some_and(|asked| usize::from(asked) != sites) {
            let text = format!("the group in {path} has {sites} sites");
            return Err(Failure::failed(text).next("leave --sites out, or name a new folder"));
        }
        if self.fast_path.is_some_and(|asked| asked != fast_path) {
            let state = if fast_path { "on" } else { "off" };
            let text = format!("the group in {path} has its fast path {state}");
            return Err(Failure::failed(text).next("leave --fast-path out, or name a new folder"));
        }
        let coin = group.group().asynchronous;
        if self.asynchronous.is_some_and(|asked| asked != coin) {
            let text = format!("the group in {path} is asynchronous: {coin}");
            let next = "leave --asynchronous out, or name a new folder";
            return Err(Failure::failed(text).next(next));
        }
        Ok(())
    }
}

/// Makes a group aside and moves it into place whole: killed meanwhile, the next start makes it anew.
fn make(dir: &GroupDir, aside: &Path, kind: Kind, shape: Shape) -> Result<GroupFile, Failure> {
    let count = usize::from(shape.sites.unwrap_or(4));
    let fail = |what: &str, error: std::io::Error| {
        Failure::failed(format!("cannot {what} {}: {error}", aside.display()))
    };
    if aside.exists() {
        std::fs::remove_dir_all(aside).map_err(|error| fail("remove", error))?;
    }
    let addresses = free_addresses(FIRST_PORT, 2 * count)?;
    let (links, http) = addresses.split_at(count);
    let group = GroupDir::new(aside).create(Wanted {
        name: kind_name(kind).into(),
        kind,
        model: FaultModel::Arbitrary,
        sites: links.to_vec(),
        http: http.to_vec(),
        clients: vec![AGENT.into(), LOAD.into()],
        fast_path: shape.fast_path,
        asynchronous: shape.asynchronous.unwrap_or_default(),
        member_approvals: NonZeroU8::MIN,
    })?;
    std::fs::rename(aside, dir.path()).map_err(|error| fail("move", error))?;
    Ok(group)
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Demo => "demo",
        Kind::Dev => "dev",
        Kind::Production => "maftia",
    }
}

/// Two supervisors in one folder would start every site twice.
fn lock(path: &Path) -> Result<std::fs::File, Failure> {
    let name = path.join("lock");
    let file = std::fs::File::create(&name)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", name.display())))?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() >= deadline {
            let text = format!("another maftia runs the group in {}", path.display());
            return Err(Failure::failed(text).next("stop it, or name another folder with --dir"));
        }
        std::thread::sleep(LOCK_INTERVAL);
    }
    Ok(file)
}

/// Loopback addresses that are free now: consecutive from `base` if they all are.
pub(crate) fn free_addresses(base: u16, count: usize) -> Result<Vec<SocketAddr>, Failure> {
    let wanted = consecutive(([127, 0, 0, 1], base).into(), count).unwrap_or_default();
    if wanted.len() == count
        && wanted
            .iter()
            .all(|address| TcpListener::bind(address).is_ok())
    {
        return Ok(wanted);
    }
    let bind = || TcpListener::bind(("127.0.0.1", 0));
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| bind())
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::failed(format!("no free port: {error}")))?;
    listeners
        .iter()
        .map(TcpListener::local_addr)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::failed(format!("no free port: {error}")))
}
