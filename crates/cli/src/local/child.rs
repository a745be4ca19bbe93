use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::failure::Failure;
use crate::group_dir::GroupDir;

/// How long a site gets to stop in good order.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A running site process and the channel that only it inherits. The channel closes when this
/// process ends in any way, and the site then stops.
#[derive(Debug)]
pub(crate) struct SiteProcess {
    child: Child,
    channel: UnixStream,
}

impl SiteProcess {
    /// Starts a site of the group.
    pub(crate) fn spawn(dir: &GroupDir, name: &str) -> Result<Self, Failure> {
        let fail = |what: &str, error: std::io::Error| {
            Failure::failed(format!("cannot {what} site {name}: {error}"))
        };
        let log = open_log(&dir.site_dir(name).join("log.txt"))
            .map_err(|error| fail("open the log of", error))?;
        let (ours, theirs) =
            UnixStream::pair().map_err(|error| fail("make a channel to", error))?;
        let program =
            std::env::current_exe().map_err(|error| fail("find the program of", error))?;
        let child = Command::new(program)
            .args(["site", "run", "--harness", "--config"])
            .arg(dir.site_config(name))
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            // A signal typed at the terminal is for this process; it stops the sites.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| fail("start", error))?;
        if let Some(pid) = child.id() {
            fs::write(pid_path(dir, name), pid.to_string())
                .map_err(|error| fail("note the process of", error))?;
        }
        Ok(Self {
            child,
            channel: ours,
        })
    }

    /// The process id, unless it has ended.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a line on the inherited channel.
    pub(crate) fn tell(&mut self, line: &str) -> std::io::Result<()> {
        writeln!(self.channel, "{line}")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = self
            .pid()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        let pid = pid.ok_or("the process has ended")?;
        kill_process(pid, signal).map_err(|error| error.to_string())
    }

    /// Resolves when the process has ended, with its exit code, if it had one.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        self.child
            .wait()
            .await
            .ok()
            .and_then(|status| status.code())
    }

    /// Ends the process in good order, or by force.
    pub(crate) async fn stop(mut self) {
        // A process that has ended already has stopped.
        let _ = self.signal(Signal::CONT);
        let _ = self.signal(Signal::TERM);
        if tokio::time::timeout(STOP_PATIENCE, self.child.wait())
            .await
            .is_err()
        {
            let _ = self.child.kill().await;
        }
    }
}

fn open_log(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn pid_path(dir: &GroupDir, name: &str) -> PathBuf {
    dir.site_dir(name).join("pid")
}

/// Kills what is left of an earlier run in this folder, such as a site that was paused when its
/// supervisor was killed.
pub(crate) fn kill_leftover(dir: &GroupDir, name: &str) {
    let pid = fs::read_to_string(pid_path(dir, name))
        .ok()
        .and_then(|text| text.parse().ok());
    let Some(pid) = pid.and_then(Pid::from_raw) else {
        return;
    };
    let command = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    let config = dir.site_config(name);
    let ours = String::from_utf8_lossy(&command).contains(&*config.to_string_lossy());
    if ours {
        // If it is gone in the meantime, all the better.
        let _ = kill_process(pid, Signal::KILL);
    }
}
