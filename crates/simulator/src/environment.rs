use maftia_protocol::Protocol;
use maftia_types::{Duration, SiteId, Time};

use crate::Dice;

/// What lives around the sites: the clients, or whatever stands above the protocol under test.
pub trait Environment<P: Protocol> {
    /// A site handed this up; it is durable. The outputs of corrupted sites come here too, as the
    /// adversary chose to make them.
    fn on_output(&mut self, context: &mut Context<'_, P>, site: SiteId, output: P::Output);

    /// The time of [`next_timer`](Self::next_timer) has come.
    fn on_timer(&mut self, context: &mut Context<'_, P>);

    /// A site refused a command, for a reason that may be gone after its next crash.
    fn on_refusal(&mut self, context: &mut Context<'_, P>, site: SiteId, error: P::Error) {
        let _ = (context, site, error);
    }

    /// When to call [`on_timer`](Self::on_timer); asked after each call of this environment.
    /// [`Time::ZERO`] at first gives the chance to begin.
    fn next_timer(&self) -> Option<Time>;

    /// Whether everything asked for has been achieved.
    fn done(&self) -> bool;

    /// What is still waited for, in words, when the run ends without `done`.
    fn stuck(&self) -> String;
}

/// What an environment sees and may do while it is called.
pub struct Context<'a, P: Protocol> {
    /// The world's time.
    pub now: Time,
    /// n.
    pub sites: usize,
    /// The environment's own chance.
    pub dice: &'a mut Dice,
    pub(crate) orders: &'a mut Vec<Order<P>>,
}

pub(crate) struct Order<P: Protocol> {
    pub(crate) site: SiteId,
    pub(crate) after: Duration,
    pub(crate) command: P::Command,
}

impl<P: Protocol> Context<'_, P> {
    /// Sends a command over the client's link: delayed, and lost with the link's probability or if
    /// the site is down when it arrives.
    pub fn command(&mut self, site: SiteId, command: P::Command) {
        self.command_after(Duration::ZERO, site, command);
    }

    /// As [`command`](Self::command), leaving the client after a while.
    pub fn command_after(&mut self, after: Duration, site: SiteId, command: P::Command) {
        self.orders.push(Order {
            site,
            after,
            command,
        });
    }
}
