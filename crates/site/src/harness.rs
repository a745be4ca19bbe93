//! The channel over which `demo` and `dev` make a site misbehave on purpose.
//!
//! A plain `site run` cannot switch it on. It needs all three: the hidden flag, a group of kind
//! `demo` or `dev`, and a socket as standard input whose other end was made by the parent process.

use std::io::{self, BufRead, BufReader};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use maftia_adversary::Attack;
use rustix::net::sockopt::socket_peercred;
use rustix::process::getppid;
use tokio::sync::mpsc;

use crate::control::Control;

/// The inherited channel.
#[derive(Debug)]
pub struct Harness(UnixStream);

/// Why standard input is not a channel that the parent process made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoHarness {
    /// Standard input is a file, a terminal or a pipe.
    #[error("standard input is not a socket")]
    NotASocket(#[source] io::Error),
    /// Somebody else made the socket.
    #[error("the socket on standard input was not made by the parent process")]
    NotFromParent,
}

impl Harness {
    /// Takes the channel from standard input.
    ///
    /// # Errors
    /// [`NoHarness`].
    pub fn inherit() -> Result<Self, NoHarness> {
        let not_a_socket = NoHarness::NotASocket;
        let fd = io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .map_err(not_a_socket)?;
        let peer = socket_peercred(&fd).map_err(|error| not_a_socket(error.into()))?;
        if Some(peer.pid) != getppid() {
            return Err(NoHarness::NotFromParent);
        }
        Ok(Self(UnixStream::from(fd)))
    }

    /// Reads orders on a thread of its own. When the parent is gone, the site stops.
    pub(crate) fn listen(self, control: mpsc::Sender<Control>) {
        let work = move || {
            for line in BufReader::new(self.0).lines() {
                let Some(order) = line.ok().and_then(|line| parse(&line)) else {
                    break;
                };
                if control.blocking_send(order).is_err() {
                    return;
                }
            }
            // If the loop is gone, the site has stopped already.
            let _ = control.blocking_send(Control::Stop);
        };
        std::thread::Builder::new()
            .name("harness".into())
            .spawn(work)
            .expect("the system can start a thread");
    }
}

/// `schedule-leader`, `schedule-leader stop`, or the names of attacks, separated by spaces; none of
/// them for `none`.
fn parse(line: &str) -> Option<Control> {
    match line.trim() {
        "schedule-leader" => Some(Control::AimAtLeaders(true)),
        "schedule-leader stop" => Some(Control::AimAtLeaders(false)),
        names => names
            .split_whitespace()
            .filter(|name| *name != "none")
            .map(Attack::parse)
            .collect::<Option<Vec<_>>>()
            .map(Control::Attack),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_for_the_site_and_for_its_network_are_told_apart() {
        let network = |line: &str| match parse(line) {
            Some(Control::AimAtLeaders(is_on)) => Some(is_on),
            _ => None,
        };
        assert_eq!(network("schedule-leader"), Some(true));
        assert_eq!(network("schedule-leader stop"), Some(false));
        let attacks = |line: &str| match parse(line) {
            Some(Control::Attack(attacks)) => Some(attacks),
            _ => None,
        };
        let both = vec![Attack::Equivocate, Attack::ForgeReplies];
        assert_eq!(attacks("equivocate forge-replies"), Some(both));
        assert_eq!(attacks("none"), Some(Vec::new()));
        assert!(parse("schedule-leader silence").is_none());
        assert!(parse("kindness").is_none());
    }
}
