//! Whether a site is there, for those who are no member of its group.

use std::net::SocketAddr;
use std::time::Duration;

use maftia_crypto::{PublicKey, SigningKey};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::tls::{self, Credentials};

/// How long the handshake may take: one round trip, and a machine under load.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether somebody at that address has that key. It is asked for a handshake by a stranger: its side
/// of it proves the key, whatever it then thinks of the stranger. False if nobody answers in time, or
/// somebody else does.
pub async fn is_there(address: SocketAddr, key: &PublicKey) -> bool {
    let stranger = SigningKey::generate(&mut rand::rng());
    let Some(credentials) = Credentials::new(&stranger) else {
        return false;
    };
    let handshake = async {
        let socket = TcpStream::connect(address).await?;
        let name = tls::server_name(address.ip());
        let connector = TlsConnector::from(credentials.dialer(key));
        connector.connect(name, socket).await
    };
    matches!(timeout(PATIENCE, handshake).await, Ok(Ok(_)))
}
