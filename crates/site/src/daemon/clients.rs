//! What clients ask of a site on their links.

use bytes::Bytes;
use maftia_codec::Wire;
use maftia_protocol::Protocol;
use maftia_replica::{ClientMessage, Command, SiteMessage};
use maftia_types::{ClientId, Time};

use super::Daemon;
use crate::error::SiteError;

impl Daemon {
    pub(super) fn on_client(
        &mut self,
        now: Time,
        key: u32,
        link: maftia_multipoint::LinkId,
        bytes: Bytes,
    ) -> Result<(), SiteError> {
        let message = match ClientMessage::from_bytes(bytes) {
            Ok(message) => message,
            Err(error) => {
                self.metrics.malformed += 1;
                tracing::debug!(key, %error, "a client sent a malformed message");
                return Ok(());
            }
        };
        match &message {
            ClientMessage::Submit { session, .. } | ClientMessage::Vouch { session, .. } => {
                self.performer.heard(
                    ClientId {
                        key,
                        session: *session,
                    },
                    link,
                );
            }
            ClientMessage::Evidence { nonce, id } => {
                let exhibit = self.replica.evidence().get(id).map(Wire::to_bytes);
                let nonce = *nonce;
                let answer = SiteMessage::Evidence { nonce, exhibit };
                self.tell(link, &answer);
                return Ok(());
            }
            ClientMessage::Views { epoch } => {
                let answer = SiteMessage::Views(self.replica.views_after(*epoch));
                self.tell(link, &answer);
                return Ok(());
            }
            ClientMessage::Prove { nonce, question } => {
                let (nonce, proof) = (*nonce, self.replica.prove(question));
                self.tell(link, &SiteMessage::Proof { nonce, proof });
                return Ok(());
            }
            ClientMessage::Lend { nonce, wanted } => {
                let (nonce, piece) = (*nonce, self.replica.lend(key, *wanted));
                self.tell(link, &SiteMessage::Piece { nonce, piece });
                return Ok(());
            }
            ClientMessage::Status { nonce } => {
                let json = serde_json::to_vec(&self.status()).unwrap_or_default();
                let answer = SiteMessage::Status {
                    nonce: *nonce,
                    json: json.into(),
                };
                self.tell(link, &answer);
                return Ok(());
            }
        }
        let Ok(step) = self.replica.command(now, Command::Client { key, message });
        self.perform(step)
    }

    /// Answers what promises nothing. A full queue loses the answer; the client asks again.
    fn tell(&self, link: maftia_multipoint::LinkId, answer: &SiteMessage) {
        let bytes = answer.to_bytes();
        let class = match bytes.len() {
            ..=maftia_multipoint::CONTROL_BYTES_MAX => maftia_multipoint::Class::Control,
            _ => maftia_multipoint::Class::Bulk,
        };
        let _ = self.network.send(link, class, bytes);
    }
}
