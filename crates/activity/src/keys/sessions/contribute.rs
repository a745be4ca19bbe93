use bytes::Bytes;
use maftia_threshold::frost::{SentCommitment, SignatureShare};
use maftia_types::SiteId;

use super::open::{Open, Work};
use super::ordered::{Sessions, World};
use super::{Answer, Contribution, Evidence, Offence, SessionId};
use crate::keys::record::{KeyId, Version};
use crate::keys::signing::{Intake, client_tag};
use crate::replication::SiteContext;

impl Sessions {
    /// Takes a site's part in a session.
    pub(in crate::keys) fn contribute(
        &mut self,
        world: World<'_>,
        context: &SiteContext,
        contribution: Contribution,
    ) {
        let site = context.site;
        match contribution {
            Contribution::Beacon {
                key,
                version,
                round,
                share,
            } => self.beacon_share(world, site, (key, version), (round, &share)),
            Contribution::Certificate {
                key,
                version,
                commit,
                share,
            } => {
                let of = ((key, version), commit);
                let culprits = self.certificates.share(world, of, (site, &share));
                for culprit in culprits {
                    self.convict(culprit, Offence::CertificateShare, (key, commit));
                }
            }
            Contribution::Transcript { by, about, share } => {
                let culprits = self.transcripts.share(world, (by, about), (site, &share));
                for culprit in culprits {
                    let place = about.0.0.into();
                    self.convict(culprit, Offence::TranscriptShare, (by.0, place));
                }
            }
            Contribution::Channel(own) => {
                let share = self.channels.share(world, own.place, (site, &own.share));
                if let Some((key, culprits)) = share {
                    for culprit in culprits {
                        let place = (key, own.place.channel.0);
                        self.convict(culprit, Offence::ChannelShare, place);
                    }
                }
            }
            Contribution::Bls {
                session,
                version,
                share,
            } => self.bls_share(world, site, (session, version), &share),
            Contribution::Frost {
                session,
                attempt,
                share,
            } => self.frost_share(world, site, session, (attempt, share)),
            Contribution::Nonces(sent) => self.nonces(world, context, &sent),
            Contribution::Opening {
                session,
                version,
                sealed,
            } => self.sealed_share(world, site, (session, version), sealed),
        }
    }

    fn nonces(&mut self, world: World<'_>, context: &SiteContext, sent: &[SentCommitment]) {
        let (site, place) = (context.site, (world.setup.epoch, context.commit));
        let mut news = false;
        for commitment in sent {
            let intake = self.pool.add(place, site, commitment);
            news |= matches!(intake, Intake::NewLife | Intake::Taken);
            if intake == Intake::NewLife {
                for open in self.open.values_mut() {
                    if let Work::Frost(frost) = &mut open.work {
                        frost.forget(site);
                    }
                }
            }
        }
        // What brings nothing must not cost a look at every session.
        if news {
            self.advance_all(world);
        }
    }

    fn frost_share(
        &mut self,
        world: World<'_>,
        site: SiteId,
        session: SessionId,
        share: (u32, SignatureShare),
    ) {
        let Some(open) = self.open.get_mut(&session) else {
            return;
        };
        let Some(version) = world.active(open.key) else {
            return;
        };
        open.follow(version);
        let key = open.key;
        let Work::Frost(frost) = &mut open.work else {
            return;
        };
        let Some(keys) = self.cache.keys(world.setup, key, version) else {
            return;
        };
        match frost.share((version, keys), site, share, &mut self.conduct) {
            Ok(Some(signature)) => {
                let signature = Bytes::copy_from_slice(&signature);
                self.end(session, Answer::Signature(signature));
                return;
            }
            Ok(None) => {}
            Err(offence) => self.convict(site, offence, (key, session.0)),
        }
        self.advance(world, session);
    }

    fn bls_share(&mut self, world: World<'_>, site: SiteId, place: (SessionId, u32), share: &[u8]) {
        let Some((open, version)) = self.open_under(world, place) else {
            return;
        };
        let key = open.key;
        let Work::Bls(bls) = &mut open.work else {
            return;
        };
        let tag = client_tag(world.setup.group);
        let (signature, culprits) = bls.shares.add(version, (&tag, &bls.message), (site, share));
        let (session, _) = place;
        for culprit in culprits {
            self.convict(culprit, Offence::SignatureShare, (key, session.0));
        }
        if let Some(signature) = signature {
            let signature = Bytes::copy_from_slice(&signature.to_bytes());
            self.end(session, Answer::Signature(signature));
        }
    }

    fn sealed_share(
        &mut self,
        world: World<'_>,
        site: SiteId,
        place: (SessionId, u32),
        sealed: Bytes,
    ) {
        let now_ms = self.now_ms;
        let Some((open, version)) = self.open_under(world, place) else {
            return;
        };
        if let Work::Opening(opening) = &mut open.work {
            opening.add(now_ms, version, site, sealed);
            self.advance(world, place.0);
        }
    }

    /// The session that a share under that version of its key belongs to, ready to take it.
    fn open_under<'a>(
        &mut self,
        world: World<'a>,
        (session, number): (SessionId, u32),
    ) -> Option<(&mut Open, &'a Version)> {
        let open = self.open.get_mut(&session)?;
        let version = world.active(open.key)?;
        if version.number != number {
            return None;
        }
        open.follow(version);
        Some((open, version))
    }

    fn beacon_share(
        &mut self,
        world: World<'_>,
        site: SiteId,
        (key, number): (KeyId, u32),
        (round, share): (u64, &[u8]),
    ) {
        let version = world.active(key).filter(|version| version.number == number);
        let (Some(version), Some(beacon)) = (version, self.beacons.get_mut(&key)) else {
            return;
        };
        let culprits = beacon.share(version, round, (site, share));
        // The next round may be due already, and waited for a place.
        beacon.tick(self.now_ms, version);
        for culprit in culprits {
            self.convict(culprit, Offence::BeaconShare, (key, round));
        }
    }

    fn convict(&mut self, site: SiteId, offence: Offence, (key, place): (KeyId, u64)) {
        self.conduct.convict(Evidence {
            site,
            offence,
            key,
            place,
            at_ms: self.now_ms,
        });
    }
}
