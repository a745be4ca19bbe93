//! `maftia beacon`: public randomness, read and checked.

use clap::{Args, Subcommand};
use maftia_threshold::bls::{PublicKey, Signature, Tag, quicknet_message, quicknet_randomness};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::files::print;
use crate::http::{Client, Problem};
use crate::key::api::{hex, hint, unasked, unhex};
use crate::kv::args::Common;
use crate::kv::percent::encode;
use crate::output;

#[derive(Debug, Args)]
#[command(
    after_help = "A round comes every few seconds, in the form of drand's quicknet.\n\nExamples:\n  \
                  maftia beacon latest\n  maftia beacon get 7\n  maftia beacon verify 7"
)]
pub(crate) struct Beacon {
    #[command(subcommand)]
    command: BeaconCommand,
}

#[derive(Debug, Subcommand)]
enum BeaconCommand {
    /// Print a round
    Get(Numbered),
    /// Print the latest round
    Latest(Latest),
    /// Read a round and check it here, under the key that the group reports
    Verify(Numbered),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia beacon latest")]
struct Latest {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  maftia beacon get 7\n  maftia beacon verify 7")]
struct Numbered {
    /// The round, from 1; the latest 1024 are kept
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    round: u64,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Which {
    /// The beacon's key
    #[arg(long, value_name = "NAME", default_value = "beacon")]
    key: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Deserialize)]
struct Round {
    round: u64,
    randomness: String,
    signature: String,
}

pub(crate) fn run(typed: &Beacon) -> Result<(), Failure> {
    let (json, result) = match &typed.command {
        BeaconCommand::Get(it) => {
            let round = it.round.to_string();
            (it.which.common.json, show(&it.which, &round))
        }
        BeaconCommand::Latest(it) => (it.which.common.json, show(&it.which, "latest")),
        BeaconCommand::Verify(it) => (it.which.common.json, verify(&it.which, it.round)),
    };
    result.or_else(|problem| hint(problem).end(json))
}

fn show(which: &Which, round: &str) -> Result<(), Problem> {
    let given = read(&which.common.connection.client()?, which, round)?;
    if which.common.json {
        return print(&given);
    }
    let round: Round = serde_json::from_value(given).map_err(|_| unasked())?;
    output::line(format!("round       {}", round.round));
    output::line(format!("randomness  {}", printable(&round.randomness)?));
    output::line(format!("signature   {}", printable(&round.signature)?));
    Ok(())
}

fn verify(which: &Which, number: u64) -> Result<(), Problem> {
    let client = which.common.connection.client()?;
    let key = client.key(&which.key)?;
    if key.scheme != "beacon" {
        let what = format!("the key is of scheme {}, not beacon", key.scheme);
        return Err(Problem::failed("other-scheme", what));
    }
    let public = PublicKey::from_bytes(&key.public()?).map_err(|_| unasked())?;
    let given = read(&client, which, &number.to_string())?;
    let round: Round = serde_json::from_value(given).map_err(|_| unasked())?;
    if !is_valid(&public, number, &round) {
        let what = format!("round {number} as the agent has it is not valid under the key");
        return Err(Problem::failed("bad-signature", what).next("ask through another agent"));
    }
    if which.common.json {
        return print(&json!({
            "round": number, "valid": true, "randomness": round.randomness,
            "public_key": key.public_key,
        }));
    }
    output::line(format!(
        "round {number} is valid: randomness {}",
        round.randomness
    ));
    Ok(())
}

fn is_valid(public: &PublicKey, number: u64, round: &Round) -> bool {
    let Some(bytes) = unhex(&round.signature) else {
        return false;
    };
    let Ok(signature) = Signature::from_bytes(&bytes) else {
        return false;
    };
    let signed = public.verify(&Tag::quicknet(), &quicknet_message(number), &signature);
    let randomness = hex(&quicknet_randomness(&signature.to_bytes()));
    round.round == number && signed.is_ok() && randomness == round.randomness
}

fn read(client: &Client, which: &Which, round: &str) -> Result<Value, Problem> {
    let key = encode(which.key.as_bytes(), b"");
    client.read(format!("/v1/beacon/{round}?key={key}"))?.json()
}

/// What comes from elsewhere must not steer the terminal.
fn printable(text: &str) -> Result<&str, Problem> {
    unhex(text).map(|_| text).ok_or_else(unasked)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Round 1000 of drand's quicknet, under its key.
    #[test]
    fn a_round_of_drands_is_valid_and_nothing_changed_of_it_is() {
        let public = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6\
                      c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73b\
                      ab4af5a6e9c76a4bc09e76eae8991ef5ece45a";
        let public = PublicKey::from_bytes(&unhex(public).unwrap()).unwrap();
        let signature = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2\
                         bacbe47e4b6b63ed5e39";
        let bytes = unhex(signature).unwrap();
        let randomness = hex(&quicknet_randomness(bytes.as_slice().try_into().unwrap()));
        let mut round = Round {
            round: 1000,
            randomness,
            signature: signature.to_owned(),
        };
        assert!(is_valid(&public, 1000, &round));
        assert!(!is_valid(&public, 1001, &round));
        round.randomness.replace_range(..2, "00");
        assert!(!is_valid(&public, 1000, &round));
    }
}
