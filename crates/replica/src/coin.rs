//! The coin of an epoch, for the engine: its sharing from the ordered state, this site's share from
//! its vault (ADR 14).
//!
//! What the log says is decided by shares in logged blocks: to read it again the sharing is enough.
//! This site's own share is for the blocks that it makes, and is there before it makes any: at a start
//! or a turn, and if the log was read across a turn, or the share has come late, after the next look
//! at the ordered state.

use maftia_activity::keys::{Ordered, Site, coin};
use maftia_ordering::coin::{BlsCoin, Coin};
use maftia_ordering::{Asynchronous, Parameters};
use maftia_protocol::planted;
use maftia_types::{CoinUse, SiteId};

use crate::custodian::Custodian;
use crate::replica::Replica;

/// How the present epoch of that state is decided in a group that wants a coin so: by known leaders
/// as long as the epoch has none. The share is that of site `me`; one that has no seat has none.
fn asynchronous(
    wanted: CoinUse,
    ordered: Option<&Ordered>,
    (half, me): (Option<&Site>, SiteId),
) -> Asynchronous {
    let coin = || {
        let ordered = ordered?;
        let sharing = ordered.coin()?.clone();
        let share = half.and_then(|half| half.coin_share(me, ordered));
        let setup = ordered.setup();
        let tag = coin::tag(&setup.group);
        Some(Coin::new(BlsCoin::new(tag, setup.epoch, sharing, share)))
    };
    match wanted {
        CoinUse::Never => Asynchronous::Never,
        CoinUse::Auto => coin().map_or(Asynchronous::Never, Asynchronous::Auto),
        CoinUse::Always => coin().map_or(Asynchronous::Never, Asynchronous::Always),
    }
}

/// The same in the parameters of an epoch, when this site starts. A state that keeps no keys leaves
/// them as they are: simulated worlds give coins of their own.
pub(crate) fn with_coin(
    parameters: Parameters,
    wanted: CoinUse,
    ordered: Option<&Ordered>,
    own: (Option<&Site>, SiteId),
) -> Parameters {
    if ordered.is_none() {
        return parameters;
    }
    Parameters {
        asynchronous: asynchronous(wanted, ordered, own),
        ..parameters
    }
}

impl Replica {
    /// The same for the state as it is now, in which this site is `me`.
    pub(crate) fn asynchronous(&self, me: SiteId) -> Asynchronous {
        let half = self.custodian.as_ref().map(Custodian::site);
        asynchronous(self.settings.coin, self.machine.keys(), (half, me))
    }

    /// Gives the engine this site's share of the coin if it has come since the epoch began: those who
    /// were there in time may be too few without it.
    pub(crate) fn hold_coin(&mut self) {
        let own = self.engine.parameters().asynchronous.coin();
        if own.is_none_or(Coin::is_held) || planted("late share of the coin kept back") {
            return;
        }
        let now = self.asynchronous(self.engine.me());
        if let Some(coin) = now.coin().filter(|coin| coin.is_held()) {
            self.engine.hold_coin(coin.clone());
        }
    }
}
