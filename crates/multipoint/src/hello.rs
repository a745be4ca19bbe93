//! The exchange after TLS, before a link counts as up.
//!
//! 1. dialer → acceptor: hello
//! 2. acceptor → dialer: verdict (one byte), and if it is 0 its own hello
//! 3. dialer → acceptor: the nonce of the acceptor's hello
//!
//! In TLS 1.3 a dialer finishes before the acceptor has judged its key; the verdict is what tells
//! the dialer. The third step tells the acceptor that the dialer accepted it too. All lengths are
//! fixed, so a stranger cannot make us buffer anything.

use std::io;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Digest, SiteId};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::Peer;

/// What both ends must speak. Raised with any change of hello or frames.
pub const LINK_VERSION: u16 = 1;

const MAGIC: [u8; 6] = *b"maftia";
const NONCE_BYTES: usize = 16;
const HELLO_BYTES: usize = MAGIC.len() + 2 + 32 + 1 + 4 + 4 + NONCE_BYTES;
const WELCOME: u8 = 0;
const SITE: u8 = 0;
const CLIENT: u8 = 1;

/// Why a handshake did not become a link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The wrong end dialed: the site with the higher id dials, clients dial sites.
    #[error("the wrong end dialed")]
    Direction = 1,
    /// The bytes are not TLS.
    #[error("not TLS")]
    Garbage,
    /// The peer belongs to another group.
    #[error("another group")]
    Group,
    /// [`crate::Limits::handshakes_max`] are under way.
    #[error("too many handshakes")]
    HandshakesFull,
    /// The peer says that it is somebody else than its key says.
    #[error("the peer claims an identity that is not its key's")]
    Identity,
    /// The peer offers no TLS 1.3, no raw Ed25519 key, or none of our algorithms.
    #[error("the peer's TLS is not ours")]
    Incompatible,
    /// The connection failed or was closed on the way.
    #[error("the connection failed")]
    Io,
    /// The peer, or all clients together, have as many links as they may.
    #[error("too many links")]
    LinksFull,
    /// The hello is malformed.
    #[error("malformed hello")]
    Malformed,
    /// The peer refused us.
    #[error("refused by the peer")]
    RefusedByPeer,
    /// One source has [`crate::Limits::handshakes_per_source_max`] under way.
    #[error("too many handshakes from one source")]
    SourceFull,
    /// We are shutting down.
    #[error("shutting down")]
    Stopping,
    /// Not done within [`crate::Limits::handshake_timeout`].
    #[error("handshake timed out")]
    Timeout,
    /// The peer's key is not in the directory, is not the one we dialed, or signed nothing.
    #[error("unknown key")]
    UnknownKey,
    /// The peer speaks another version.
    #[error("another version")]
    Version,
}

/// What one end says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Hello {
    pub(crate) version: u16,
    pub(crate) group: Digest,
    pub(crate) identity: Peer,
    pub(crate) instance: u32,
    pub(crate) nonce: [u8; NONCE_BYTES],
}

impl Hello {
    pub(crate) fn new(group: Digest, identity: Peer, instance: u32) -> Self {
        Self {
            version: LINK_VERSION,
            group,
            identity,
            instance,
            nonce: rand::random(),
        }
    }

    /// Judges `other` against ourselves and against who its key says it is. A site may call itself
    /// by another number: views number sites anew, and one end may know a later view.
    fn judge(&self, other: &Self, by_key: Peer) -> Result<(), Refusal> {
        if other.group != self.group {
            return Err(Refusal::Group);
        }
        match (other.identity, by_key) {
            (Peer::Site(_), Peer::Site(_)) => Ok(()),
            (said, known) if said == known => Ok(()),
            _ => Err(Refusal::Identity),
        }
    }
}

impl Wire for Hello {
    fn encode(&self, w: &mut Writer) {
        w.raw(&MAGIC);
        w.u16(self.version);
        w.digest(&self.group);
        let (role, index) = match self.identity {
            Peer::Site(site) => (SITE, u32::from(site.as_u8())),
            Peer::Client(index) => (CLIENT, index),
        };
        w.u8(role);
        w.u32(index);
        w.u32(self.instance);
        w.raw(&self.nonce);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        if r.array()? != MAGIC {
            return Err(DecodeError::Invalid { field: "magic" });
        }
        Ok(Self {
            version: r.u16()?,
            group: r.digest()?,
            identity: decode_identity(r.u8()?, r.u32()?)?,
            instance: r.u32()?,
            nonce: r.array()?,
        })
    }
}

fn decode_identity(role: u8, index: u32) -> Result<Peer, DecodeError> {
    match role {
        SITE => u8::try_from(index)
            .ok()
            .and_then(SiteId::new)
            .map(Peer::Site)
            .ok_or(DecodeError::Invalid { field: "site" }),
        CLIENT => Ok(Peer::Client(index)),
        _ => Err(DecodeError::Invalid { field: "role" }),
    }
}

/// The dialer's side. `expected` is whose key TLS has checked.
pub(crate) async fn initiate<S>(
    stream: &mut S,
    me: &Hello,
    expected: Peer,
) -> Result<Hello, Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    send(stream, &me.to_bytes()).await?;
    if stream.read_u8().await.map_err(|e| io_refusal(&e))? != WELCOME {
        return Err(Refusal::RefusedByPeer);
    }
    let other = receive(stream).await?;
    me.judge(&other, expected)?;
    send(stream, &other.nonce).await?;
    Ok(other)
}

/// The acceptor's side. `by_key` is whose key TLS has checked, or why it gets no link.
pub(crate) async fn answer<S>(
    stream: &mut S,
    me: &Hello,
    by_key: Result<Peer, Refusal>,
) -> Result<Hello, Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let judged = match (receive(stream).await, by_key) {
        (Ok(other), Ok(peer)) => me.judge(&other, peer).map(|()| other),
        (Ok(_), Err(reason)) | (Err(reason), _) => Err(reason),
    };
    let other = match judged {
        Ok(other) => other,
        Err(reason) => {
            // The peer learns why; whether it listens does not matter.
            let _ = send(stream, &[reason as u8]).await;
            let _ = stream.shutdown().await;
            return Err(reason);
        }
    };
    send(stream, &[&[WELCOME], &me.to_bytes()[..]].concat()).await?;
    let mut echo = [0; NONCE_BYTES];
    stream
        .read_exact(&mut echo)
        .await
        .map_err(|e| io_refusal(&e))?;
    if echo != me.nonce {
        return Err(Refusal::Malformed);
    }
    Ok(other)
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), Refusal> {
    stream.write_all(bytes).await.map_err(|e| io_refusal(&e))?;
    stream.flush().await.map_err(|e| io_refusal(&e))
}

/// Reads magic and version first: another version may have another length.
async fn receive<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Hello, Refusal> {
    let mut bytes = [0; HELLO_BYTES];
    let (start, rest) = bytes.split_at_mut(MAGIC.len() + 2);
    stream.read_exact(start).await.map_err(|e| io_refusal(&e))?;
    if !start.starts_with(&MAGIC) {
        return Err(Refusal::Malformed);
    }
    if !start.ends_with(&LINK_VERSION.to_le_bytes()) {
        return Err(Refusal::Version);
    }
    stream.read_exact(rest).await.map_err(|e| io_refusal(&e))?;
    Hello::from_bytes(Bytes::copy_from_slice(&bytes)).map_err(|_| Refusal::Malformed)
}

/// What a failure of the TLS stream says about the peer.
pub(crate) fn io_refusal(error: &io::Error) -> Refusal {
    use rustls::Error;
    let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
    else {
        return Refusal::Io;
    };
    match tls {
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => Refusal::UnknownKey,
        Error::AlertReceived(_) => Refusal::RefusedByPeer,
        Error::PeerIncompatible(_) => Refusal::Incompatible,
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_)
        | Error::DecryptError => Refusal::Garbage,
        _ => Refusal::Io,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    fn site(index: u8) -> Peer {
        Peer::Site(SiteId::new(index).unwrap())
    }

    fn hello(identity: Peer) -> Hello {
        Hello::new(Digest([1; 32]), identity, 3)
    }

    async fn meet(
        dialer: &Hello,
        by_key: Peer,
    ) -> (Result<Hello, Refusal>, Result<Hello, Refusal>) {
        let (mut a, mut b) = duplex(4096);
        let acceptor = hello(site(0));
        tokio::join!(
            initiate(&mut a, dialer, site(0)),
            answer(&mut b, &acceptor, Ok(by_key)),
        )
    }

    #[tokio::test]
    async fn both_ends_learn_about_each_other() {
        let dialer = hello(site(1));
        let (dialed, accepted) = meet(&dialer, site(1)).await;
        assert_eq!(accepted, Ok(dialer));
        assert_eq!(dialed.unwrap().identity, site(0));
    }

    #[tokio::test]
    async fn another_group_is_refused_on_both_sides() {
        let dialer = Hello::new(Digest([2; 32]), site(1), 0);
        let (dialed, accepted) = meet(&dialer, site(1)).await;
        assert_eq!(accepted, Err(Refusal::Group));
        assert_eq!(dialed, Err(Refusal::RefusedByPeer));
    }

    #[tokio::test]
    async fn a_client_key_cannot_claim_to_be_a_site() {
        let (dialed, accepted) = meet(&hello(site(1)), Peer::Client(1)).await;
        assert_eq!(accepted, Err(Refusal::Identity));
        assert_eq!(dialed, Err(Refusal::RefusedByPeer));
        let (_, accepted) = meet(&hello(Peer::Client(1)), Peer::Client(2)).await;
        assert_eq!(accepted, Err(Refusal::Identity));
    }

    #[tokio::test]
    async fn a_site_may_have_another_number_at_the_other_end() {
        let dialer = hello(site(1));
        let (dialed, accepted) = meet(&dialer, site(2)).await;
        assert_eq!(accepted, Ok(dialer));
        assert!(dialed.is_ok());
    }

    #[tokio::test]
    async fn another_version_is_refused() {
        let mut dialer = hello(site(1));
        dialer.version += 1;
        let (_, accepted) = meet(&dialer, site(1)).await;
        assert_eq!(accepted, Err(Refusal::Version));
    }

    #[tokio::test]
    async fn a_wrong_acknowledgement_is_refused() {
        let (mut a, mut b) = duplex(4096);
        let acceptor = hello(site(0));
        let liar = async {
            send(&mut a, &hello(site(1)).to_bytes()).await.unwrap();
            a.read_exact(&mut [0; HELLO_BYTES + 1]).await.unwrap();
            send(&mut a, &[0; NONCE_BYTES]).await.unwrap();
        };
        let (_, accepted) = tokio::join!(liar, answer(&mut b, &acceptor, Ok(site(1))));
        assert_eq!(accepted, Err(Refusal::Malformed));
    }

    #[test]
    fn the_encoding_has_its_fixed_length() {
        assert_eq!(hello(site(1)).to_bytes().len(), HELLO_BYTES);
        let client = hello(Peer::Client(u32::MAX));
        assert_eq!(Hello::from_bytes(client.to_bytes()), Ok(client));
    }
}
