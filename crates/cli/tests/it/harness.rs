//! A group of processes in a folder of its own, and how to watch and end it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

pub(crate) const MAFTIA: &str = env!("CARGO_BIN_EXE_maftia");

/// How long anything may take here: far more than it does, also on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

static ALONE: Mutex<()> = Mutex::new(());

/// Keeps other tests out: several groups at once would only measure how loaded the machine is.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the long variants are wanted.
pub(crate) fn slow() -> bool {
    std::env::var_os("MAFTIA_SLOW").is_some_and(|it| it == "1")
}

/// Polls until something is there.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A command of the program that ends by itself, with what it printed.
pub(crate) fn maftia(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(MAFTIA);
    command
        .args(arguments)
        .env_remove("MAFTIA_ENDPOINT")
        .env_remove("MAFTIA_TOKEN_FILE")
        .env_remove("MAFTIA_LOG")
        .stdin(Stdio::null());
    command
}

/// Loopback addresses that are free now.
pub(crate) fn free(count: usize) -> Vec<SocketAddr> {
    let bind = |_| std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners: Vec<_> = (0..count).map(bind).collect();
    let address = |it: &std::net::TcpListener| it.local_addr().unwrap();
    listeners.iter().map(address).collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The last line of standard output as JSON.
pub(crate) fn last_json(output: &Output) -> Value {
    let stdout = text(&output.stdout);
    let line = stdout.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| {
        let stderr = text(&output.stderr);
        panic!("no JSON ({error}): {stdout:?}; on standard error: {stderr}")
    })
}

/// Processes whose command line names a path. Every process of a test's group does.
pub(crate) fn processes(path: &Path) -> Vec<(u32, String)> {
    let path = path.to_string_lossy();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let named = pids.filter_map(|pid: u32| {
        let command = text(&fs::read(format!("/proc/{pid}/cmdline")).ok()?).replace('\0', " ");
        command.contains(&*path).then_some((pid, command))
    });
    named
        .filter(|(pid, _)| *pid != std::process::id())
        .collect()
}

/// Sends a signal to a process that may be gone.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    let _ = kill_process(pid, signal);
}

/// A child that does not outlive the test.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn ended(&mut self) -> ExitStatus {
        until("a process ends", || self.0.try_wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `maftia dev` in a folder.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) dir: PathBuf,
    pub(crate) http: String,
    pub(crate) ready: Value,
    dev: Process,
}

impl Group {
    /// Starts it and waits until it is ready.
    pub(crate) fn dev(dir: &Path) -> Self {
        Self::dev_with(dir, &[])
    }

    /// The same, with more on its command line.
    pub(crate) fn dev_with(dir: &Path, arguments: &[&str]) -> Self {
        let mut dev = Self::spawn_with(dir, arguments);
        let stdout = dev.0.stdout.take().unwrap();
        let (said, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            let _ = said.send(read.map(|_| line));
        });
        let line = heard.recv_timeout(PATIENCE).expect("dev is ready in time");
        let line = line.unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let stderr = fs::read_to_string(dir.join("stderr.txt")).unwrap_or_default();
            panic!("dev did not start ({error}): {line:?}; on standard error: {stderr}")
        });
        Self {
            dir: dir.to_owned(),
            http: ready["http"].as_str().unwrap().to_owned(),
            ready,
            dev,
        }
    }

    /// Starts it.
    pub(crate) fn spawn(dir: &Path) -> Process {
        Self::spawn_with(dir, &[])
    }

    fn spawn_with(dir: &Path, arguments: &[&str]) -> Process {
        fs::create_dir_all(dir).unwrap();
        let stderr = File::options()
            .append(true)
            .create(true)
            .open(dir.join("stderr.txt"))
            .unwrap();
        let child = command(&["dev", "--http", "127.0.0.1:0", "--json", "--dir"])
            .arg(dir)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        Process(child)
    }

    /// What `dev` has said on standard error.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.dir.join("stderr.txt")).unwrap()
    }

    /// Runs a command at the group's agent.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = command(arguments);
        command.env("MAFTIA_ENDPOINT", &self.http).output().unwrap()
    }

    pub(crate) fn kv(&self, arguments: &[&str]) -> Output {
        self.run(&[&["kv"], arguments].concat())
    }

    pub(crate) fn attack(&self, what: &str, site: &str, seconds: Option<u32>) {
        let seconds = seconds.map(|it| it.to_string());
        let lasting = seconds.iter().flat_map(|it| ["--for", it]);
        let base = ["attack", what, "--site", site, "--json"];
        let arguments: Vec<&str> = base.into_iter().chain(lasting).collect();
        let output = self.run(&arguments);
        assert!(output.status.success(), "{output:?}");
    }

    pub(crate) fn status(&self) -> Value {
        let output = self.run(&["status", "--json"]);
        assert!(output.status.success(), "{output:?}");
        last_json(&output)
    }

    /// Waits until all sites serve and have executed the same, and returns that status.
    pub(crate) fn settled(&self) -> Value {
        let mut last = Value::Null;
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until("all sites serve alike", || {
                last = self.status();
                let sites = last["sites"].as_array().unwrap();
                let alike = |field: &str| sites.iter().all(|it| it[field] == sites[0][field]);
                let serving = sites.iter().all(|site| site["state"] == "serving");
                (serving && alike("position") && alike("digest")).then(|| last.clone())
            })
        }));
        found.unwrap_or_else(|_| panic!("the sites do not come together: {last:#}"))
    }

    pub(crate) fn site_pid(&self, name: &str) -> u32 {
        let config = self.dir.join(format!("group/sites/{name}/site.toml"));
        until("the site runs", || Some(processes(&config).first()?.0))
    }

    pub(crate) fn site_dir(&self, name: &str) -> PathBuf {
        self.dir.join("group/sites").join(name)
    }

    /// Ends everything without warning, and returns how many processes that were.
    pub(crate) fn kill_all(mut self) -> usize {
        // The supervisor is halted first, or it might start a site that we have killed; it is killed
        // last, or the sites would stop by themselves when its channel closes.
        let dev = self.dev.0.id();
        signal(dev, Signal::STOP);
        let sites = processes(&self.dir)
            .iter()
            .filter(|(pid, _)| *pid != dev)
            .count();
        end_all(&self.dir);
        let _ = self.dev.0.kill();
        let _ = self.dev.0.wait();
        1 + sites
    }

    /// Ends `dev` in good order.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        signal(self.dev.0.id(), Signal::TERM);
        let ended = self.dev.ended();
        assert_eq!(ended.signal(), None, "it was to stop by itself");
        ended
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.dev.0.kill();
        let _ = self.dev.0.wait();
        end_all(&self.dir);
    }
}

/// Kills every process of a folder and waits until they are gone.
pub(crate) fn end_all(dir: &Path) -> usize {
    let mut killed = 0;
    loop {
        let running = processes(dir);
        if running.is_empty() {
            return killed;
        }
        killed = killed.max(running.len());
        for (pid, _) in running {
            signal(pid, Signal::KILL);
        }
        std::thread::yield_now();
    }
}
