//! `maftia channel`: messages among the clients of a group, through the agent.

pub(crate) mod args;
mod commands;
mod receive;

use self::args::{Channel, ChannelCommand};
use crate::failure::Failure;
use crate::http::Problem;

pub(crate) fn run(typed: &Channel) -> Result<(), Failure> {
    let (json, result) = match &typed.command {
        ChannelCommand::Close(it) => (it.common.json, commands::close(it)),
        ChannelCommand::List(it) => (it.common.json, commands::list(it)),
        ChannelCommand::Open(it) => (it.common.json, commands::open(it)),
        ChannelCommand::Receive(it) => (it.common.json, receive::receive(it)),
        ChannelCommand::Send(it) => (it.common.json, commands::send(it)),
        ChannelCommand::Show(it) => (it.common.json, commands::show(it)),
    };
    result.or_else(|problem| hint(problem).end(json))
}

/// What to type next after a problem with channels.
fn hint(problem: Problem) -> Problem {
    let next = match problem.id() {
        "channel-closed" | "name-taken" | "no-such-channel" | "too-many-channels" => {
            "maftia channel list"
        }
        "no-sealing-key" | "no-such-key" => {
            "maftia key create NAME --scheme seal --user CLIENT, and open a channel with it"
        }
        "no-answer" => "maftia status, then type the same again",
        "no-power" => "use the agent of a client to which group.toml gives this power",
        "not-a-member" => "use the agent of a client that the channel names",
        _ => return problem,
    };
    problem.next(next)
}
