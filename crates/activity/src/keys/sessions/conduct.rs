use std::collections::{BTreeMap, VecDeque};

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{SITES_MAX, SiteId, SiteSet};

use super::put_in_order;
use crate::keys::record::KeyId;
use crate::keys::seats::Seats;

/// Pieces of evidence kept, the latest: enough to see who it was. Convictions are counted besides.
pub const EVIDENCE_MAX: usize = 256;

/// How a site has answered so far; the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing is known against it.
    Good,
    /// It owed an answer for longer than the window, and has given none since. It may be slow.
    Silent,
    /// It has sent a wrong share: it is intruded, or its machine is broken.
    Convicted,
}

/// What a site did that no correct site does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// A wrong share of a beacon's round.
    BeaconShare,
    /// A wrong share of a checkpoint's certificate.
    CertificateShare,
    /// A wrong share of a channel's message.
    ChannelShare,
    /// A wrong share of a signature.
    SignatureShare,
    /// A wrong share of a ceremony's transcript.
    TranscriptShare,
}

/// A conviction: all sites have seen the wrong share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Whose block it was in.
    pub site: SiteId,
    /// What it was.
    pub offence: Offence,
    /// Under which key.
    pub key: KeyId,
    /// Of which session, round of a beacon, commit of a checkpoint, channel, or key of a transcript.
    pub place: u64,
    /// When it was ordered, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// How the sites have answered so far.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Conduct {
    convictions: BTreeMap<SiteId, u64>,
    silent: SiteSet,
    evidence: VecDeque<Evidence>,
}

impl Conduct {
    /// A site has answered: if it was silent, it is so no more.
    pub(in crate::keys) fn answered(&mut self, site: SiteId) {
        self.silent.remove(site);
    }

    /// A site has owed an answer for longer than the window.
    pub(in crate::keys) fn silent(&mut self, site: SiteId) {
        self.silent.insert(site);
    }

    /// A site has sent what no correct one sends.
    pub(in crate::keys) fn convict(&mut self, evidence: Evidence) {
        let convictions = self.convictions.entry(evidence.site).or_default();
        *convictions = convictions.saturating_add(1);
        if self.evidence.len() == EVIDENCE_MAX {
            self.evidence.pop_front();
        }
        self.evidence.push_back(evidence);
    }

    /// A new epoch has begun. What is known against sites that have left is forgotten.
    pub(in crate::keys) fn reseat(&mut self, seats: &Seats) {
        self.convictions = seats.map(std::mem::take(&mut self.convictions));
        self.silent = seats.set(self.silent);
        let evidence = std::mem::take(&mut self.evidence).into_iter();
        let evidence = evidence.filter_map(|own| {
            let site = seats.of(own.site)?;
            Some(Evidence { site, ..own })
        });
        self.evidence = evidence.collect();
    }

    /// How the site has answered so far.
    pub(in crate::keys) fn standing(&self, site: SiteId) -> Standing {
        if self.convictions.contains_key(&site) {
            Standing::Convicted
        } else if self.silent.contains(site) {
            Standing::Silent
        } else {
            Standing::Good
        }
    }

    /// The latest convictions, oldest first.
    pub(in crate::keys) fn evidence(&self) -> impl ExactSizeIterator<Item = &Evidence> {
        self.evidence.iter()
    }
}

impl Wire for Evidence {
    fn encode(&self, writer: &mut Writer) {
        writer.site(self.site);
        writer.u8(match self.offence {
            Offence::BeaconShare => 1,
            Offence::SignatureShare => 2,
            Offence::CertificateShare => 3,
            Offence::TranscriptShare => 4,
            Offence::ChannelShare => 5,
        });
        self.key.encode(writer);
        writer.u64(self.place);
        writer.u64(self.at_ms);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            site: reader.site()?,
            offence: match reader.u8()? {
                1 => Offence::BeaconShare,
                2 => Offence::SignatureShare,
                3 => Offence::CertificateShare,
                4 => Offence::TranscriptShare,
                5 => Offence::ChannelShare,
                _ => return Err(DecodeError::Invalid { field: "offence" }),
            },
            key: KeyId::decode(reader)?,
            place: reader.u64()?,
            at_ms: reader.u64()?,
        })
    }
}

impl Wire for Conduct {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.convictions.len());
        for (site, convictions) in &self.convictions {
            writer.site(*site);
            writer.u64(*convictions);
        }
        writer.u64(self.silent.bits());
        writer.length(self.evidence.len());
        self.evidence.iter().for_each(|own| own.encode(writer));
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut convictions = BTreeMap::new();
        for _ in 0..reader.length("convictions", SITES_MAX)? {
            let site = reader.site()?;
            put_in_order(&mut convictions, site, reader.u64()?, "convictions")?;
        }
        Ok(Self {
            convictions,
            silent: SiteSet::from_bits(reader.u64()?),
            evidence: reader.list("evidence", EVIDENCE_MAX)?.into(),
        })
    }
}
