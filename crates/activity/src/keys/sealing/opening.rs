use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{SITES_MAX, SiteId, SiteSet};

use super::envelope::{ENVELOPE_BYTES, Recipient};
use super::{CIPHERTEXT_BYTES_MAX, LATE_SHARES_MS};
use crate::keys::record::Version;
use crate::keys::sessions::{Crowd, put_in_order, threshold};

/// A ciphertext on its way to one reader: the sites' decryption shares, each sealed to the reader.
///
/// Whether a share is good, only the reader can see. So that a threshold of good ones is among them
/// whoever lies and however slow the others are, shares are taken until all sites have answered or
/// the session's time is over; only while many sessions are open, for a while after there are
/// enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Opening {
    /// As it was given; it has been checked.
    pub(in crate::keys) ciphertext: Bytes,
    /// To whom the shares are sealed.
    pub(in crate::keys) to: Recipient,
    shares: BTreeMap<SiteId, Bytes>,
    /// Until when shares are taken though others need the place; from when there were enough.
    until_ms: Option<u64>,
}

impl Opening {
    pub(in crate::keys) const fn new(ciphertext: Bytes, to: Recipient) -> Self {
        Self {
            ciphertext,
            to,
            shares: BTreeMap::new(),
            until_ms: None,
        }
    }

    /// Takes a sealed share in. Another one of the same site is not taken.
    pub(in crate::keys) fn add(
        &mut self,
        now_ms: u64,
        version: &Version,
        site: SiteId,
        sealed: Bytes,
    ) {
        if !self.awaits(version, site) || sealed.len() != ENVELOPE_BYTES {
            return;
        }
        self.shares.insert(site, sealed);
        if self.is_readable(version) {
            self.until_ms
                .get_or_insert(now_ms.saturating_add(LATE_SHARES_MS));
        }
    }

    /// The key has other shares now: those of before do not go with them.
    pub(in crate::keys) fn restart(&mut self) {
        self.shares.clear();
        self.until_ms = None;
    }

    /// Whether a reader who trusts every site could open it.
    pub(in crate::keys) fn is_readable(&self, version: &Version) -> bool {
        self.shares.len() >= threshold(version)
    }

    /// Whether no more shares are taken: all are there or, if others need the place, enough for a
    /// reader who trusts every site have been for a while.
    pub(in crate::keys) fn is_complete(
        &self,
        now_ms: u64,
        version: &Version,
        crowd: Crowd,
    ) -> bool {
        let expired = self.until_ms.is_some_and(|until| now_ms >= until);
        (expired && crowd == Crowd::Dense) || self.awaited(version).is_empty()
    }

    /// Who may still send a share.
    pub(in crate::keys) fn awaited(&self, version: &Version) -> SiteSet {
        let members = version.members.iter().copied();
        members
            .filter(|site| !self.shares.contains_key(site))
            .collect()
    }

    /// Whether the site may still send its share.
    pub(in crate::keys) fn awaits(&self, version: &Version, site: SiteId) -> bool {
        self.awaited(version).contains(site)
    }

    /// The sealed shares so far.
    pub(in crate::keys) const fn shares(&self) -> &BTreeMap<SiteId, Bytes> {
        &self.shares
    }
}

/// Appends sealed shares by site.
pub(in crate::keys) fn encode_shares(shares: &BTreeMap<SiteId, Bytes>, writer: &mut Writer) {
    writer.length(shares.len());
    for (site, sealed) in shares {
        writer.site(*site);
        writer.bytes(sealed);
    }
}

/// Reads what [`encode_shares`] appends.
pub(in crate::keys) fn decode_shares(
    reader: &mut Reader,
) -> Result<BTreeMap<SiteId, Bytes>, DecodeError> {
    let mut shares = BTreeMap::new();
    for _ in 0..reader.length("sealed shares", SITES_MAX)? {
        let site = reader.site()?;
        let sealed = reader.bytes("sealed share", ENVELOPE_BYTES)?;
        put_in_order(&mut shares, site, sealed, "sealed shares")?;
    }
    Ok(shares)
}

impl Wire for Opening {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.ciphertext);
        self.to.encode(writer);
        encode_shares(&self.shares, writer);
        writer.bool(self.until_ms.is_some());
        if let Some(until_ms) = self.until_ms {
            writer.u64(until_ms);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            ciphertext: reader.bytes("ciphertext", CIPHERTEXT_BYTES_MAX)?,
            to: Recipient::decode(reader)?,
            shares: decode_shares(reader)?,
            until_ms: if reader.bool()? {
                Some(reader.u64()?)
            } else {
                None
            },
        })
    }
}
