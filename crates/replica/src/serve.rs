//! What clients ask of a site, and what it answers.

use maftia_codec::{Wire, Writer};
use maftia_ordering::DraftFull;
use maftia_protocol::Step;
use maftia_types::{ClientId, Digest, Incarnation, Sequence, Time};

use crate::batch::{BatchId, Span};
use crate::client_link::{BATCH_MAX, ClientMessage, Fate, Reply, result_digest};
use crate::item::Item;
use crate::ledger::Executed;
use crate::limits::RESULT_INLINE_BYTES_MAX;
use crate::replica::{Output, Replica};
use crate::sessions::Expected;

/// What a message says of each batch, by name. One that does not lie beyond those before it is
/// passed over: each number is answered once for a message, however often it is in it.
fn named<T>(
    (key, session, incarnation): (u32, u32, Incarnation),
    batches: Vec<(Span, T)>,
) -> impl Iterator<Item = (BatchId, T)> {
    let client = ClientId { key, session };
    let mut last = Sequence(0);
    batches.into_iter().filter_map(move |(span, said)| {
        if span.first() <= last {
            return None;
        }
        last = span.last();
        let id = BatchId {
            client,
            incarnation,
            span,
        };
        Some((id, said))
    })
}

impl Replica {
    /// A client's requests or vouches.
    pub(crate) fn on_client(
        &mut self,
        now: Time,
        (key, message): (u32, ClientMessage),
        step: &mut Step<Self>,
    ) {
        let mut replies = Vec::new();
        let (session, incarnation) = match message {
            ClientMessage::Submit {
                session,
                incarnation,
                batches,
            } => {
                for (id, bodies) in named((key, session, incarnation), batches) {
                    if bodies.are(id.span.count()) {
                        self.take_in(now, Item::Requests { id, bodies }, &id, &mut replies);
                    }
                }
                (session, incarnation)
            }
            ClientMessage::Vouch {
                session,
                incarnation,
                digests,
            } => {
                for (id, digest) in named((key, session, incarnation), digests) {
                    self.take_in(now, Item::Vouch { id, digest }, &id, &mut replies);
                }
                (session, incarnation)
            }
            // Answered by whoever has the link: with what it knows, and Replica::views_after.
            ClientMessage::Evidence { .. }
            | ClientMessage::Lend { .. }
            | ClientMessage::Prove { .. }
            | ClientMessage::Status { .. }
            | ClientMessage::Views { .. } => return,
        };
        push_replies(ClientId { key, session }, incarnation, replies, step);
    }

    /// Answers the requests of a batch that are settled, and queues the batch if some are not.
    fn take_in(&mut self, now: Time, item: Item, id: &BatchId, replies: &mut Vec<Reply>) {
        if self.diverged {
            return;
        }
        let has_body = matches!(item, Item::Requests { .. });
        let mut wanted = false;
        let digest = lone_digest(&item, id);
        for sequence in id.span.numbers() {
            let expected = self.ledger.expected(&id.request(sequence), digest.as_ref());
            match expected {
                // Enough for one message, however many it asks for.
                Expected::Settled(_) if replies.len() >= BATCH_MAX => return,
                Expected::Settled(fate) => {
                    // A vouch for what is executed long since is a client asking again; one with
                    // the body wants the result itself.
                    let key = id.client.key;
                    let full = has_body && self.repeats.take(now, key, fate.result_bytes());
                    let fate = shorten(fate, full);
                    replies.push(Reply { sequence, fate });
                }
                Expected::TooFar => break,
                Expected::Yes => {
                    wanted = true;
                    break;
                }
            }
        }
        if !wanted {
            return;
        }
        let mut writer = Writer::new();
        item.encode(&mut writer);
        let commit = self.engine.frontier().index;
        if self.intake.admit(id, has_body, writer.len(), commit)
            && self.engine.submit(writer.as_slice()) == Err(DraftFull)
        {
            self.intake.forget(id);
        }
    }

    /// Turns executed requests into replies: in full from the site that had the body, and from
    /// everybody if they are short.
    pub(crate) fn reply(&mut self, executed: Vec<Executed>, step: &mut Step<Self>) {
        for Executed { id, fate } in executed {
            let full = self.intake.settle(&id);
            if self.diverged {
                continue;
            }
            let reply = Reply {
                sequence: id.sequence,
                fate: shorten(fate, full),
            };
            match step.outputs.last_mut() {
                Some(Output::Replies {
                    client,
                    incarnation,
                    replies,
                }) if *client == id.client && *incarnation == id.incarnation => {
                    replies.push(reply);
                }
                _ => push_replies(id.client, id.incarnation, vec![reply], step),
            }
        }
    }
}

/// Leaves a long result to the site that has the body.
fn shorten(fate: Fate, full: bool) -> Fate {
    match fate {
        Fate::Executed { position, result } if !full && result.len() > RESULT_INLINE_BYTES_MAX => {
            Fate::ExecutedDigest {
                position,
                digest: result_digest(&result),
            }
        }
        fate => fate,
    }
}

fn push_replies(
    client: ClientId,
    incarnation: Incarnation,
    replies: Vec<Reply>,
    step: &mut Step<Replica>,
) {
    if !replies.is_empty() {
        step.outputs.push(Output::Replies {
            client,
            incarnation,
            replies,
        });
    }
}

/// The digest of the request that is asked for alone, as one of an earlier life is: it may be
/// another than the one that was executed under its number.
fn lone_digest(item: &Item, id: &BatchId) -> Option<Digest> {
    match item {
        _ if id.span.count() != 1 => None,
        Item::Requests { bodies, .. } => Some(id.digest(bodies)),
        Item::Vouch { digest, .. } => Some(*digest),
        Item::Evidence(_)
        | Item::Contribution(_)
        | Item::Word(_)
        | Item::Accuse { .. }
        | Item::Certified
        | Item::Retract { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_of_a_message_is_looked_at_once() {
        let span = |first, count| Span::new(Sequence(first), count).unwrap();
        let said = vec![
            (span(0, 1), 'z'),
            (span(4, 3), 'a'),
            (span(4, 3), 'b'),
            (span(6, 9), 'c'),
            (span(1, 1), 'd'),
            (span(7, 1), 'e'),
        ];
        let kept = named((0, 0, Incarnation(1)), said);
        assert_eq!(kept.map(|(_, said)| said).collect::<String>(), "ae");
    }
}
