//! The coin that names leaders: when it comes into use, and what it has decided.

use std::time::{Duration, Instant};

use maftia_agent::status;
use maftia_client::Client;
use maftia_types::CoinUse;

use crate::failure::Failure;

/// How long the sites may take to make their keys and to come to the next epoch with them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two questions.
const INTERVAL: Duration = Duration::from_millis(100);

/// What the group had of a coin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coin {
    /// When it was to name leaders.
    pub(crate) wanted: CoinUse,
    /// How many commits it has decided, as f+1 sites have counted.
    pub(crate) commits: u64,
}

impl Coin {
    /// What there was of it until now.
    pub(crate) async fn so_far(client: &Client) -> Self {
        Self {
            wanted: client.group().group().asynchronous,
            commits: status::of(client)
                .await
                .ruling
                .map_or(0, |own| own.commits_by_coin),
        }
    }
}

/// Waits until the group is in an epoch with a coin, if it wants one: it changes epoch for that, and
/// refuses other changes meanwhile.
pub(crate) async fn in_use(client: &Client) -> Result<(), Failure> {
    if !client.group().group().asynchronous.needs_key() {
        return Ok(());
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ruling = status::of(client).await.ruling;
        if ruling.is_some_and(|own| own.has_coin) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let text = "the sites have not come to an epoch with a coin in time";
            return Err(Failure::failed(text).next("see what it waits for: maftia group show"));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
