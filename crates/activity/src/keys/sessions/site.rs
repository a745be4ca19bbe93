use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_threshold::bls::{SignatureShare, Tag, quicknet_message};
use maftia_threshold::frost::{self, NonceCommitment, SentCommitment, Signer};
use maftia_types::{Duration, Time};

use super::open::Work;
use super::{Contribution, SessionId};
use crate::keys::certificates::checkpoint_tag;
use crate::keys::channels::{ChannelShare, Place};
use crate::keys::record::{KeyId, KeyRecord, Scheme};
use crate::keys::signing::{COMMITMENTS_AHEAD, Nonces, client_tag};
use crate::keys::transcripts::{Of, digest_about, transcript_tag};
use crate::keys::{Ordered, Site};
use crate::replication::Effects;

/// After how long a contribution that has not been ordered is put into a block again.
const AGAIN: Duration = Duration::from_secs(5);

/// What a site does in sessions. In memory only: after a restart it follows from the ordered state,
/// but for the nonces, which are void then.
#[derive(Default)]
pub(in crate::keys) struct Part {
    nonces: Nonces,
    signers: BTreeMap<(KeyId, u32), Signer>,
    /// What was contributed and is still owed.
    sent: BTreeMap<Due, Sent>,
}

/// What the ordered state asks of this site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A share of a round.
    Beacon(KeyId, u32, u64),
    /// A share of a checkpoint's certificate.
    Certificate(KeyId, u32, u64),
    /// A share of a channel's message.
    Channel(Place),
    /// A share of an attempt.
    Frost(SessionId, u32),
    /// The nonce commitments with numbers from the first to the last.
    Nonces(u64, u64),
    /// A share of a session under that version of its key.
    Share(SessionId, u32),
    /// A share of a transcript's signature: by which sharing, about which.
    Transcript(Of, Of),
}

struct Sent {
    contribution: Bytes,
    again: Time,
}

impl Part {
    pub(in crate::keys) fn next_timeout(&self) -> Option<Time> {
        self.sent.values().map(|sent| sent.again).min()
    }
}

impl Site {
    /// Contributes what this site owes to sessions and beacons, once, and again while it is owed.
    pub(in crate::keys) fn observe_sessions(
        &mut self,
        now: Time,
        ordered: &Ordered,
        out: &mut Effects,
    ) {
        self.keep_signers(ordered);
        self.keep_nonces(ordered, out);
        let due = self.due(ordered);
        self.sessions.sent.retain(|own, _| due.contains(own));
        for own in due {
            let again = now + AGAIN;
            if let Some(sent) = self.sessions.sent.get_mut(&own) {
                if now >= sent.again {
                    sent.again = again;
                    out.contributions.push(sent.contribution.clone());
                }
            } else if let Some(contribution) = self.contribution(own, ordered) {
                let contribution = contribution.to_bytes();
                out.contributions.push(contribution.clone());
                let sent = Sent {
                    contribution,
                    again,
                };
                self.sessions.sent.insert(own, sent);
            }
        }
    }

    /// Keeps a signer for each Ed25519 key in use of which this site has a share, and no other.
    fn keep_signers(&mut self, ordered: &Ordered) {
        let usable = |record: &&KeyRecord| record.scheme == Scheme::Ed25519;
        let place = |record: &KeyRecord| Some((record.id, record.active()?.number));
        let records: Vec<_> = ordered.keys().filter(usable).collect();
        let places: BTreeSet<_> = records.iter().filter_map(|own| place(own)).collect();
        self.sessions.signers.retain(|own, _| places.contains(own));
        for record in records {
            let Some(place) = place(record) else {
                continue;
            };
            if !self.sessions.signers.contains_key(&place)
                && let Some(signer) = self.signer(record, ordered)
            {
                self.sessions.signers.insert(place, signer);
            }
        }
    }

    fn signer(&self, record: &KeyRecord, ordered: &Ordered) -> Option<Signer> {
        let share = self.share(record)?;
        let sharing = record.active()?.sharing_in()?;
        let keys = frost::Keys::new(ordered.setup().scope(), sharing).ok()?;
        Signer::new(keys, &share).ok()
    }

    /// Brings nonces in line with the ordered state. A nonce is bound to this site's life and to no
    /// key, so that any of its signers can make it.
    fn keep_nonces(&mut self, ordered: &Ordered, out: &mut Effects) {
        let part = &mut self.sessions;
        let Some(signer) = part.signers.values().next() else {
            return;
        };
        let stock = ordered.sessions.pool.stock(self.me);
        let lives = self.vault.lives;
        part.nonces.follow(&mut self.vault.lives, stock);
        part.nonces.forget(stock, &owed(ordered, self.me));
        part.nonces.refill(stock, signer, &mut self.rng);
        if self.vault.lives != lives {
            out.vault = Some(self.vault.to_bytes());
        }
    }

    fn due(&self, ordered: &Ordered) -> BTreeSet<Due> {
        let mut due = BTreeSet::new();
        let stock = ordered.sessions.pool.stock(self.me);
        let in_flight = self.sessions.nonces.in_flight(stock);
        let numbers: Vec<_> = in_flight.map(|own| own.number().number).collect();
        for batch in numbers.chunks(COMMITMENTS_AHEAD) {
            if let (Some(first), Some(last)) = (batch.first(), batch.last()) {
                due.insert(Due::Nonces(*first, *last));
            }
        }
        for (id, open) in &ordered.sessions.open {
            let active = ordered.key(open.key).and_then(KeyRecord::active);
            let Some(version) = active.filter(|own| own.number == open.version) else {
                continue;
            };
            match &open.work {
                Work::Frost(frost) => {
                    let attempts = frost.attempts();
                    let owed = attempts.filter(|(_, own)| own.owed_by(self.me).is_some());
                    due.extend(owed.map(|(number, _)| Due::Frost(*id, number)));
                }
                Work::Bls(_) | Work::Opening(_) if open.awaits(version, self.me) => {
                    due.insert(Due::Share(*id, open.version));
                }
                Work::Bls(_) | Work::Opening(_) => {}
            }
        }
        let certificate = ordered
            .sessions
            .certificates
            .owed_by(self.me, ordered.world());
        due.extend(
            certificate.map(|((key, version), commit)| Due::Certificate(key, version, commit)),
        );
        let channels = ordered.sessions.channels.owed_by(self.me, ordered.world());
        due.extend(channels.into_iter().map(Due::Channel));
        let transcripts = &ordered.sessions.transcripts;
        let owed = transcripts.owed_by(self.me, ordered.world());
        due.extend(owed.map(|(by, about)| Due::Transcript(by, about)));
        for (key, beacon) in &ordered.sessions.beacons {
            let Some(version) = ordered.key(*key).and_then(KeyRecord::active) else {
                continue;
            };
            let rounds = beacon.owed_by(self.me, version).into_iter();
            due.extend(rounds.map(|round| Due::Beacon(*key, version.number, round)));
        }
        due
    }

    fn contribution(&mut self, due: Due, ordered: &Ordered) -> Option<Contribution> {
        match due {
            Due::Beacon(key, version, round) => {
                let share = self.share(ordered.key(key)?)?;
                let message = quicknet_message(round);
                let share = SignatureShare::sign(&share, &Tag::quicknet(), &message);
                Some(Contribution::Beacon {
                    key,
                    version,
                    round,
                    share: Bytes::copy_from_slice(&share.to_bytes()),
                })
            }
            Due::Certificate(key, version, commit) => {
                let share = self.share(ordered.key(key)?)?;
                let digest = ordered.sessions.certificates.digest_of(commit)?;
                let tag = checkpoint_tag(ordered.setup().group);
                let share = SignatureShare::sign(&share, &tag, digest.as_bytes());
                Some(Contribution::Certificate {
                    key,
                    version,
                    commit,
                    share: Bytes::copy_from_slice(&share.to_bytes()),
                })
            }
            Due::Channel(place) => {
                let share = self.channel_share(ordered, place)?;
                Some(Contribution::Channel(ChannelShare { place, share }))
            }
            Due::Frost(session, attempt) => self.frost_share(session, attempt, ordered),
            Due::Nonces(first, last) => {
                let stock = ordered.sessions.pool.stock(self.me);
                let in_flight = self.sessions.nonces.in_flight(stock);
                let batch = in_flight.filter(|own| (first..=last).contains(&own.number().number));
                let batch = batch.map(|own| SentCommitment::from(*own));
                Some(Contribution::Nonces(batch.collect()))
            }
            Due::Share(session, version) => self.session_share(session, version, ordered),
            Due::Transcript(by, about) => {
                let share = self.share(ordered.key(by.0)?)?;
                let digest = digest_about(ordered.world(), about)?;
                let tag = transcript_tag(ordered.setup().group);
                let share = SignatureShare::sign(&share, &tag, digest.as_bytes());
                let share = Bytes::copy_from_slice(&share.to_bytes());
                Some(Contribution::Transcript { by, about, share })
            }
        }
    }

    /// Answers an attempt, at the price of the nonce: that is gone before the share exists.
    fn frost_share(
        &mut self,
        session: SessionId,
        number: u32,
        ordered: &Ordered,
    ) -> Option<Contribution> {
        let open = ordered.sessions.open.get(&session)?;
        let version = ordered.key(open.key)?.active()?;
        let signer = self.sessions.signers.get(&(open.key, open.version))?;
        let Work::Frost(frost) = &open.work else {
            return None;
        };
        let (_, attempt) = frost.attempts().find(|(own, _)| *own == number)?;
        let commitment = attempt.owed_by(self.me)?;
        // After a restart it is not here, and would be looked for at every commit: the package costs
        // a hash of the message and a sum over all members.
        if !self.sessions.nonces.holds(commitment) {
            return None;
        }
        let package = attempt.package((version, signer.keys()), &frost.message)?;
        let nonce = self.sessions.nonces.take(commitment)?;
        let share = signer.sign_share(nonce, &package).ok()?;
        Some(Contribution::Frost {
            session,
            attempt: number,
            share,
        })
    }

    fn session_share(
        &mut self,
        session: SessionId,
        number: u32,
        ordered: &Ordered,
    ) -> Option<Contribution> {
        let open = ordered.sessions.open.get(&session)?;
        let record = ordered.key(open.key)?;
        let (version, group) = (record.active()?, ordered.setup().group);
        match &open.work {
            Work::Bls(bls) => {
                let share = self.share(record)?;
                let share = SignatureShare::sign(&share, &client_tag(group), &bls.message);
                Some(Contribution::Bls {
                    session,
                    version: number,
                    share: Bytes::copy_from_slice(&share.to_bytes()),
                })
            }
            Work::Frost(_) => None,
            Work::Opening(opening) => {
                let share = self.share(record)?;
                let (from, place) = ((group, self.me), (session, record.id));
                let sealed = opening.sealed_share(from, place, (version, share), &mut self.rng)?;
                Some(Contribution::Opening {
                    session,
                    version: number,
                    sealed: sealed.into(),
                })
            }
        }
    }
}

/// The commitments that attempts have named of this site and wait for.
fn owed(ordered: &Ordered, me: maftia_types::SiteId) -> Vec<NonceCommitment> {
    let works = ordered.sessions.open.values().map(|open| &open.work);
    let attempts = works.filter_map(|work| match work {
        Work::Frost(frost) => Some(frost.attempts()),
        Work::Bls(_) | Work::Opening(_) => None,
    });
    let owed = attempts
        .flatten()
        .filter_map(|(_, own)| own.owed_by(me).copied());
    owed.collect()
}
