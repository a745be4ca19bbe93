//! Which rule decides, since when, and why: what operators are told.

use maftia_ordering::{Asynchronous, Commit, Mode};
use maftia_types::CoinUse;

use crate::replica::Replica;

/// What a site has seen of the rules by which its commits were decided.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reign {
    now: Option<(Mode, Since)>,
    by_coin: u64,
}

/// Which rule decides, as one site sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ruling {
    /// When a coin is to name leaders, as the group's file says.
    pub wanted: CoinUse,
    /// Which rule has decided the last commit; before the first, which will.
    pub mode: Mode,
    /// Since which commit without a break, as far as this site remembers: it forgets when it stops.
    pub since: Option<Since>,
    /// Why it is this rule.
    pub why: Why,
    /// Whether the epoch has a coin.
    pub has_coin: bool,
    /// How often known leaders were given up in this epoch and those before, under
    /// [`CoinUse::Auto`].
    pub failovers: u32,
    /// Commits that the coin has decided since this site started.
    pub commits_by_coin: u64,
    /// Coins that this site has put together in this epoch since it started.
    pub coins: u64,
}

/// A commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Since {
    /// Its index.
    pub commit: u64,
    /// Its time, in milliseconds since 1970.
    pub time_ms: u64,
}

/// Why a rule decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The sites have agreed on it, from how far known leaders have brought the log.
    Agreed,
    /// The group's file says so.
    Configured,
    /// The file wants a coin, and the epoch has begun without one.
    NoCoin,
}

impl Why {
    /// For people, with the rule that it is about.
    pub const fn text(self, mode: Mode) -> &'static str {
        match (self, mode) {
            (Self::Agreed, Mode::S) => "known leaders do",
            (Self::Agreed, Mode::A) => "known leaders did not do",
            (Self::Configured, _) => "configured",
            (Self::NoCoin, _) => "this epoch has no coin yet",
        }
    }
}

impl Reign {
    /// Counts a commit.
    pub(crate) fn note(&mut self, commit: &Commit) {
        self.by_coin += u64::from(commit.mode == Mode::A);
        if self.now.is_none_or(|(mode, _)| mode != commit.mode) {
            let since = Since {
                commit: commit.index,
                time_ms: commit.time_ms,
            };
            self.now = Some((commit.mode, since));
        }
    }
}

impl Replica {
    /// Which rule decides, since when and why.
    pub fn ruling(&self) -> Ruling {
        let frontier = self.engine.frontier();
        let coming = || self.engine.mode(frontier.settled.next());
        let mode = self.reign.now.map(|(mode, _)| mode).or_else(coming);
        let control = frontier.control.as_deref();
        let wanted = self.settings.coin;
        Ruling {
            wanted,
            mode: mode.unwrap_or(Mode::S),
            since: self.reign.now.map(|(_, since)| since),
            why: match self.engine.parameters().asynchronous {
                Asynchronous::Never if wanted.needs_key() => Why::NoCoin,
                Asynchronous::Never | Asynchronous::Always(_) => Why::Configured,
                Asynchronous::Auto(_) => Why::Agreed,
            },
            has_coin: self.engine.parameters().asynchronous.has_coin(),
            failovers: control.map_or(0, |own| own.failovers()),
            commits_by_coin: self.reign.by_coin,
            coins: self.engine.coins_combined(),
        }
    }
}
