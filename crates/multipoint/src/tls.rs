//! TLS 1.3 with raw public keys (RFC 7250), pinned: no certificate, no authority, no resumption
//! (a resumed session would skip the check against the current view).

use std::net::IpAddr;
use std::sync::Arc;

use maftia_crypto::{PublicKey, SigningKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, CommonState, DigitallySignedStruct, DistinguishedName, Error,
    PeerIncompatible, ServerConfig, SignatureScheme,
};

use crate::Directory;

/// `SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING (32 bytes follow) }` (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// `SEQUENCE { 0, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING (32 bytes follow) } }`.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Our key and the primitives, ready for handshakes.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    provider: Arc<CryptoProvider>,
    certified: Arc<CertifiedKey>,
}

impl Credentials {
    /// `None` for a key without a seed, which cannot sign a handshake.
    pub(crate) fn new(key: &SigningKey) -> Option<Self> {
        let seed = key.seed()?;
        let provider = Arc::new(provider());
        let pkcs8 = [&PKCS8_PREFIX[..], &seed[..]].concat();
        let signer = provider
            .key_provider
            .load_private_key(PrivatePkcs8KeyDer::from(pkcs8).into())
            .expect("every seed is an Ed25519 key");
        let spki = CertificateDer::from(spki(key.public().as_bytes()).to_vec());
        Some(Self {
            provider,
            certified: Arc::new(CertifiedKey::new(vec![spki], signer)),
        })
    }

    /// For dialing the holder of `expected`, and nobody else.
    pub(crate) fn dialer(&self, expected: &PublicKey) -> Arc<ClientConfig> {
        let verifier = Pinned {
            provider: self.provider.clone(),
            keys: Keys::One(*expected.as_bytes()),
        };
        let resolver = AlwaysResolvesClientRawPublicKeys::new(self.certified.clone());
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has TLS 1.3 suites")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(resolver));
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Arc::new(config)
    }

    /// For accepting any key of `directory`.
    pub(crate) fn acceptor(&self, directory: Arc<Directory>) -> Arc<ServerConfig> {
        let verifier = Pinned {
            provider: self.provider.clone(),
            keys: Keys::AnyOf(directory),
        };
        let resolver = AlwaysResolvesServerRawPublicKeys::new(self.certified.clone());
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has TLS 1.3 suites")
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(resolver));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Arc::new(config)
    }
}

/// The name a dialer puts into its handshake. Raw keys are not checked against it.
pub(crate) fn server_name(address: IpAddr) -> ServerName<'static> {
    ServerName::IpAddress(address.into())
}

/// The key that the other end has proved to hold.
pub(crate) fn peer_key(connection: &CommonState) -> Option<[u8; 32]> {
    raw_key(connection.peer_certificates()?.first()?)
}

/// AES-128-GCM only: every machine we run on has it in hardware, and there is nothing to
/// negotiate down. Key exchange stays the provider's, post-quantum hybrid first.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..aws_lc_rs::default_provider()
    }
}

fn spki(key: &[u8; 32]) -> [u8; 44] {
    let mut spki = [0; 44];
    for (to, from) in spki.iter_mut().zip(SPKI_PREFIX.iter().chain(key)) {
        *to = *from;
    }
    spki
}

fn raw_key(spki: &[u8]) -> Option<[u8; 32]> {
    spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok()
}

/// Accepts a key that is pinned, from an end that signs the handshake with it.
#[derive(Debug)]
struct Pinned {
    provider: Arc<CryptoProvider>,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    One([u8; 32]),
    AnyOf(Arc<Directory>),
}

impl Pinned {
    fn check_pinned(&self, spki: &[u8]) -> Result<(), Error> {
        let pinned = raw_key(spki).is_some_and(|key| match &self.keys {
            Keys::One(expected) => key == *expected,
            Keys::AnyOf(directory) => directory.peer(&key).is_some(),
        });
        if pinned {
            Ok(())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn check_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(key.as_ref()),
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }
}

fn refuse_tls12<T>() -> Result<T, Error> {
    Err(PeerIncompatible::Tls12NotOffered.into())
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check_pinned(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check_pinned(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
impl Credentials {
    /// What a thief of a public key can show: the key, with signatures of another.
    pub(crate) fn forged(shown: &PublicKey, signer: &SigningKey) -> Self {
        let credentials = Self::new(signer).expect("a real key");
        let shown = CertificateDer::from(spki(shown.as_bytes()).to_vec());
        let key = credentials.certified.key.clone();
        Self {
            certified: Arc::new(CertifiedKey::new(vec![shown], key)),
            ..credentials
        }
    }
}
