//! What clients and the properties of the service need of a protocol: that it carries a replica.

use maftia_protocol::Protocol;
use maftia_replica::{Command, Output, Replica, Reply};
use maftia_types::{ClientId, Incarnation};

/// A protocol that clients speak to as to a replica.
pub(crate) trait Speaks: Protocol {
    /// A command for the replica.
    fn order(command: Command) -> Self::Command;

    /// What a client is told, if that is what an output is.
    fn replies(output: &Self::Output) -> Option<(ClientId, Incarnation, &[Reply])>;
}

impl Speaks for Replica {
    fn order(command: Command) -> Command {
        command
    }

    fn replies(output: &Output) -> Option<(ClientId, Incarnation, &[Reply])> {
        match output {
            Output::Replies {
                client,
                incarnation,
                replies,
            } => Some((*client, *incarnation, replies)),
            _ => None,
        }
    }
}
