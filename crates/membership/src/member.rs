use core::net::SocketAddr;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::PublicKey;

use crate::wire;

/// The longest name of a site, as in the group's file: it stands in tables and metric labels.
pub const NAME_BYTES_MAX: usize = 32;

/// Whether a text can name a site: letters, digits, `-` and `_`, as in the group's file.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(allowed)
}

/// A site as the whole group knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// What people call it.
    pub name: String,
    /// What it signs with, and is known by on links.
    pub key: PublicKey,
    /// Where others dial it. None for a site that the group began with: where those are is not
    /// agreed, since a group's file may name other addresses at other places, and what is not equal
    /// everywhere has no place in ordered state. A site that joins has one.
    pub address: Option<SocketAddr>,
    /// Where its HTTP interface listens, if it has one and it is agreed.
    pub http: Option<SocketAddr>,
}

impl Member {
    /// Both addresses.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.address.into_iter().chain(self.http)
    }
}

impl Wire for Member {
    fn encode(&self, w: &mut Writer) {
        wire::name(w, &self.name);
        self.key.encode(w);
        wire::address(w, self.address);
        wire::address(w, self.http);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            name: wire::read_name(r)?,
            key: PublicKey::decode(r)?,
            address: wire::read_address(r)?,
            http: wire::read_address(r)?,
        })
    }
}
