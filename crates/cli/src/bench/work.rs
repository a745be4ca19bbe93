//! What the clients of a measurement ask for.

use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use maftia_activity::keys::sessions::{Answer as Used, Policy, USES_PER_MINUTE_CEILING};
use maftia_activity::keys::{Act, KeyId, Operation as OnKeys, Reply, Scheme};
use maftia_activity::kv::Operation;
use maftia_client::keys::Keys;
use maftia_client::{Client, Outcome, Patience};
use maftia_codec::Wire;

use crate::failure::Failure;

/// How long the sites may take to make the key.
const KEY_PATIENCE: Duration = Duration::from_secs(60);

/// A scheme whose signatures are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Signatures {
    /// FROST: Ed25519
    Ed25519,
    /// Threshold BLS
    Bls,
}

/// One request after another.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// Puts of distinct keys with this value.
    Put(Bytes),
    /// Signatures of distinct messages of so many bytes.
    Sign(KeyId, usize),
}

impl Signatures {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519 signatures",
            Self::Bls => "BLS signatures",
        }
    }

    const fn scheme(self) -> (&'static str, Scheme) {
        match self {
            Self::Ed25519 => ("bench-ed25519", Scheme::Ed25519),
            Self::Bls => ("bench-bls", Scheme::Bls),
        }
    }

    /// A key of its own: one that clients may use as often as any policy allows. In a group that
    /// has been measured before it is there.
    pub(crate) async fn key(self, client: &Client) -> Result<KeyId, Failure> {
        let (name, scheme) = self.scheme();
        let keys = Keys::new(client.clone());
        let patience = Patience(Some(KEY_PATIENCE));
        let listed = keys.execute(&OnKeys::List, None, patience).await;
        if let Outcome::Committed {
            result: Reply::Keys(listed),
            ..
        } = listed.map_err(failed)?.outcome
            && let Some(key) = listed.iter().find(|key| key.name == name)
        {
            return Ok(key.id);
        }
        let policy = Policy {
            uses_per_minute_max: USES_PER_MINUTE_CEILING,
            ..Policy::of(scheme)
        };
        let create = Act::Create {
            name: name.to_owned(),
            scheme,
            policy: Some(policy),
        };
        match keys
            .change(create, None, patience)
            .await
            .map_err(failed)?
            .outcome
        {
            Outcome::Committed {
                result: Reply::Key(key),
                ..
            } => Ok(key.id),
            outcome => Err(Failure::failed(format!("no key to sign with: {outcome:?}"))),
        }
    }
}

fn failed(error: maftia_client::keys::NoKeys) -> Failure {
    Failure::failed(error.to_string())
}

impl Work {
    /// Asks, waits for the answer, and says whether it is what was asked for.
    pub(crate) async fn once(&self, client: &Client, number: u64) -> bool {
        match self {
            Self::Put(value) => {
                let key = format!("bench/{number:012}");
                let put = Operation::put(key, value.clone()).to_bytes();
                matches!(client.execute(put).await.outcome, Outcome::Committed { .. })
            }
            Self::Sign(key, bytes) => {
                let mut message = vec![b'x'; *bytes];
                let number = number.to_le_bytes();
                message
                    .iter_mut()
                    .zip(number)
                    .for_each(|(to, byte)| *to = byte);
                let keys = Keys::new(client.clone());
                let signed = keys.sign(*key, message.into(), None, Patience::default());
                matches!(
                    signed.await.map(|answer| answer.outcome),
                    Ok(Outcome::Committed {
                        result: Used::Signature(_),
                        ..
                    })
                )
            }
        }
    }
}
