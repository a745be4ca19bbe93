use std::net::SocketAddr;

use clap::Args;
use maftia_types::{CoinUse, FaultModel};

use crate::args::{coin_use, model, on_or_off};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  maftia demo\n  maftia demo --for 20 --json\n\n\
                        Everything lives in a temporary folder and is gone at the end. For a group \
                        that stays, use `maftia dev`."
)]
pub(crate) struct Demo {
    /// Sites; 3f+1 of them tolerate f intruded ones
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=31))]
    pub(crate) sites: u8,
    /// Final after two message delays where almost all sites agree: on (default) or off
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    pub(crate) fast_path: Option<bool>,
    /// When a coin names leaders, which no scheduler can stop: never, auto or always
    #[arg(long, value_name = "WHEN", value_parser = coin_use)]
    pub(crate) asynchronous: Option<CoinUse>,
    /// What is assumed of intruded sites: arbitrary, they may do anything
    #[arg(long, default_value = "arbitrary", value_parser = model)]
    pub(crate) model: FaultModel,
    /// Run a load for this many seconds, attack and kill a site meanwhile, and give a verdict
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) lasting: Option<f64>,
    /// Where the agent listens; a free port if that one is taken and none was named
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) http: Option<SocketAddr>,
    /// Print JSON: one object when ready, or the verdict as the last line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shorter, and the killed site has no time to come back.
const SECONDS_MIN: f64 = 5.0;

/// Seconds, with or without an `s` behind them.
fn seconds(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    match number.parse() {
        Ok(seconds) if (SECONDS_MIN..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err(format!("give a number of seconds from {SECONDS_MIN} up")),
    }
}
