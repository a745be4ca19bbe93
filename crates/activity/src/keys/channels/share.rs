use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::ChannelId;
use crate::keys::sealing::SHARE_BYTES;

/// A message that waits for shares, and of which sharing: what a share is contributed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::keys) struct Place {
    pub(in crate::keys) channel: ChannelId,
    pub(in crate::keys) position: u64,
    pub(in crate::keys) version: u32,
}

/// A site's part in opening a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct ChannelShare {
    pub(in crate::keys) place: Place,
    /// An encoded [`DecryptionShare`](maftia_threshold::tdh2::DecryptionShare).
    pub(in crate::keys) share: Bytes,
}

impl Wire for ChannelShare {
    fn encode(&self, w: &mut Writer) {
        self.place.channel.encode(w);
        w.u64(self.place.position);
        w.u32(self.place.version);
        w.bytes(&self.share);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            place: Place {
                channel: ChannelId::decode(r)?,
                position: r.u64()?,
                version: r.u32()?,
            },
            share: r.bytes("share", SHARE_BYTES)?,
        })
    }
}
