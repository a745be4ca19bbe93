//! What was typed after `maftia channel`.

use std::ffi::OsString;

use clap::{Args, Subcommand, ValueEnum};

use crate::kv::args::Common;

#[derive(Debug, Args)]
#[command(
    after_help = "All members receive the same messages in the same order. In a channel of class \
                  secure-causal nobody, no site either, knows a message before its place in that order is \
                  decided.\n\nExamples:\n  maftia channel open news --member agent --member ci\n  \
                  maftia channel send news \"built 1.2\"\n  maftia channel receive news --follow"
)]
pub(crate) struct Channel {
    #[command(subcommand)]
    pub(crate) command: ChannelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChannelCommand {
    /// Take no more messages: what was sent before is still received
    Close(Named),
    /// List the channels
    List(List),
    /// Open a channel
    Open(Open),
    /// Print messages in order, from the oldest kept or from where you were
    Receive(Receive),
    /// Send a message
    Send(Send),
    /// Show a channel
    Show(Named),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia channel list")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The opener closes a channel at once; otherwise more than half of its members must say \
                  so.\n\nExamples:\n  maftia channel show news\n  maftia channel close news"
)]
pub(crate) struct Named {
    /// The channel's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Class {
    /// All messages in one order
    Atomic,
    /// The same, and hidden until their place in it is decided
    SecureCausal,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  maftia channel open news --member agent --member ci\n  \
                  maftia key create bids --scheme seal --user agent\n  \
                  maftia channel open auction --class secure-causal --key bids --member agent"
)]
pub(crate) struct Open {
    /// The channel's name, 1 to 64 bytes
    pub(crate) name: String,
    /// What the channel promises
    #[arg(long, value_enum, default_value_t = Class::Atomic)]
    pub(crate) class: Class,
    /// The key of scheme `seal` that messages are encrypted to, for secure-causal
    #[arg(long, value_name = "KEY", required_if_eq("class", "secure-causal"))]
    pub(crate) key: Option<String>,
    /// A client that may send and receive; may be repeated. Without it, the agent's own alone
    #[arg(long = "member", value_name = "CLIENT")]
    pub(crate) members: Vec<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A payload that begins with @ is given through -.\n\nExamples:\n  \
                  maftia channel send news \"built 1.2\"\n  maftia channel send news @notes.txt\n  \
                  date | maftia channel send news -"
)]
pub(crate) struct Send {
    /// The channel's name
    pub(crate) name: String,
    /// The payload, at most 16 KiB; `-` reads standard input, `@FILE` a file
    #[arg(allow_negative_numbers = true)]
    pub(crate) payload: OsString,
    /// Which one of this client's messages it is: repeats an attempt whose outcome is unknown
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sequence: Option<u64>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "With --json, each line is a page: its `cursor` says where to go on, `missed` how many \
                  messages before it are not kept any more.\n\nExamples:\n  maftia channel receive news\n  \
                  maftia channel receive news --cursor 3.17\n  maftia channel receive news --follow --json"
)]
pub(crate) struct Receive {
    /// The channel's name
    pub(crate) name: String,
    /// Go on from here, as an earlier page said
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// Wait for more, until the channel ends
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}
