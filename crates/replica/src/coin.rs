//! The coin of an epoch, for the engine: its sharing from the ordered state, this site's share from
//! its vault (ADR 14).
//!
//! The engine decides from the log before this site's half of the keyed services looks at anything,
//! and what the log says may need the coin. So the half gives its share before it is employed.

use maftia_activity::keys::{Ordered, Site, coin};
use maftia_ordering::Asynchronous;
use maftia_ordering::coin::{BlsCoin, Coin};
use maftia_types::{CoinUse, SiteId};

use crate::replica::Replica;

/// How the present epoch of that state is decided in a group that wants a coin so: by known leaders
/// as long as the epoch has none. The share is that of site `me`; one that has no seat has none.
pub(crate) fn asynchronous(
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

impl Replica {
    /// The same for the state as it is now, in which this site is `me`.
    pub(crate) fn asynchronous(&self, me: SiteId) -> Asynchronous {
        let employed = self.custodian.as_ref().map(|own| own.site());
        let half = self.site_half.as_ref().or(employed);
        asynchronous(self.settings.coin, self.machine.keys(), (half, me))
    }

    /// Gives the engine this site's share of the coin if it has come since the epoch began: those who
    /// were there in time may be too few without it.
    pub(crate) fn hold_coin(&mut self) {
        let own = self.engine.parameters().asynchronous.coin();
        if own.is_none_or(Coin::is_held) {
            return;
        }
        let now = self.asynchronous(self.engine.me());
        if let Some(coin) = now.coin().filter(|coin| coin.is_held()) {
            self.engine.hold_coin(coin.clone());
        }
    }
}
