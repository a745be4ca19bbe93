//! A session against scripted sites: no links, no clock.

mod session;
mod views;

use bytes::Bytes;
use maftia_replica::{ClientMessage, Fate, Reply, RequestId, request_digest, result_digest};
use maftia_types::{
    ClientId, Digest, Duration, FaultModel, Incarnation, Resilience, Sequence, SiteId, Time,
};

use crate::session::{Outgoing, Session, Settings, Settled, Standing, Timing};
use crate::{Outcome, Rejection};

const LIFE: Incarnation = Incarnation(7);
const CLIENT: ClientId = ClientId { key: 2, session: 0 };

fn site(index: u8) -> SiteId {
    SiteId::new(index).unwrap()
}

/// A session of a group of four that tolerates one, with all links up.
struct Script {
    session: Session,
    now: Time,
    sent: Vec<(SiteId, ClientMessage)>,
}

impl Script {
    fn new() -> Self {
        let mut script = Self::unlinked();
        (0..4).for_each(|index| script.link(index, Standing::Up));
        script
    }

    fn unlinked() -> Self {
        let settings = Settings {
            client: CLIENT,
            resilience: Resilience::new(FaultModel::Arbitrary, 4, 1, 0).unwrap(),
            timing: Timing::default(),
        };
        Self {
            session: Session::new(settings, LIFE, Time::ZERO),
            now: Time::ZERO,
            sent: Vec::new(),
        }
    }

    fn link(&mut self, index: u8, standing: Standing) {
        self.session.on_link(self.now, site(index), standing);
    }

    fn submit(&mut self, body: &'static str) -> RequestId {
        self.session.submit(self.now, body.into()).unwrap()
    }

    /// What leaves at the end of this tick.
    fn flush(&mut self) -> Vec<(SiteId, ClientMessage)> {
        let mut out = Vec::new();
        self.session.flush(self.now, &mut out);
        let each = |o: Outgoing| {
            o.to.iter()
                .map(|to| (to, o.message.clone()))
                .collect::<Vec<_>>()
        };
        self.sent = out.into_iter().flat_map(each).collect();
        self.sent.clone()
    }

    /// Who got the body of `sequence` in the last flush.
    fn bodies(&self, sequence: u64) -> Vec<SiteId> {
        let has = |m: &ClientMessage| match m {
            ClientMessage::Submit { batches, .. } => {
                let number = Sequence(sequence);
                batches.iter().any(|(span, _)| span.contains(number))
            }
            _ => false,
        };
        self.sent
            .iter()
            .filter(|(_, m)| has(m))
            .map(|(to, _)| *to)
            .collect()
    }

    /// Who got the digest of `sequence` in the last flush.
    fn digests(&self, sequence: u64) -> Vec<SiteId> {
        let has = |m: &ClientMessage| match m {
            ClientMessage::Vouch { digests, .. } => {
                let number = Sequence(sequence);
                digests.iter().any(|(span, _)| span.contains(number))
            }
            _ => false,
        };
        self.sent
            .iter()
            .filter(|(_, m)| has(m))
            .map(|(to, _)| *to)
            .collect()
    }

    fn reply(&mut self, from: u8, sequence: u64, fate: Fate) -> Vec<Settled> {
        self.reply_in(from, LIFE, sequence, fate)
    }

    fn reply_in(&mut self, from: u8, life: Incarnation, seq: u64, fate: Fate) -> Vec<Settled> {
        let reply = Reply {
            sequence: Sequence(seq),
            fate,
        };
        self.session
            .on_replies(self.now, site(from), life, &[reply]);
        self.session.settled().collect()
    }

    fn pass(&mut self, span: Duration) -> Vec<Settled> {
        self.now += span;
        self.session.on_timeout(self.now);
        self.session.settled().collect()
    }

    /// Time passes until the session wants to be woken.
    fn wake(&mut self) -> Vec<Settled> {
        let at = self.session.next_timeout().expect("something is due");
        let span = at.since(self.now);
        self.pass(span)
    }
}

fn executed(position: u64, result: &'static str) -> Fate {
    Fate::Executed {
        position,
        result: Bytes::from_static(result.as_bytes()),
    }
}

fn executed_digest(position: u64, result: &'static str) -> Fate {
    Fate::ExecutedDigest {
        position,
        digest: result_digest(result.as_bytes()),
    }
}

fn committed(position: u64, result: &'static str) -> Outcome {
    Outcome::Committed {
        position,
        result: Bytes::from_static(result.as_bytes()),
    }
}

fn outcomes(settled: &[Settled]) -> Vec<(u64, Outcome)> {
    settled
        .iter()
        .map(|s| (s.id.sequence.0, s.outcome.clone()))
        .collect()
}

fn digest_of(sequence: u64, body: &str) -> Digest {
    let id = RequestId {
        client: CLIENT,
        incarnation: LIFE,
        sequence: Sequence(sequence),
    };
    request_digest(&id, body.as_bytes())
}

#[test]
fn an_id_reads_back_from_its_text_and_from_no_other() {
    let id = crate::RequestId {
        request: RequestId {
            client: CLIENT,
            incarnation: Incarnation(u64::MAX),
            sequence: Sequence(9),
        },
        content: [0, 1, 2, 3, 4, 5, 6, 0xff],
    };
    let text = crate::id_text(&id);
    assert_eq!(text, "2.0.18446744073709551615.9.00010203040506ff");
    assert_eq!(crate::parse_id(&text), Some(id));
    for other in [
        "",
        "1.2.3",
        "1.2.3.4",
        "1.2.3.4.5",
        "1.2.3.4.0000000000000005.6",
        "1.2.3.4.000000000000000A",
        "1.2.3.+4.0000000000000005",
        "01.2.3.4.0000000000000005",
        "1.2.3.4294967296x.0000000000000005",
        "a.b.c.d.e",
    ] {
        assert_eq!(crate::parse_id(other), None, "{other}");
    }
    let too_large = "4294967296.0.1.1.0000000000000005";
    assert_eq!(crate::parse_id(too_large), None);
}
