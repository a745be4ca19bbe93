//! Encrypting to the group, and opening with its help.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maftia_activity::keys::sealing::{
    CIPHERTEXT_BYTES_MAX, Handed, OpenError, PLAINTEXT_BYTES_MAX, Recipient, open,
};
use maftia_codec::Wire;
use maftia_threshold::tdh2::{Ciphertext, EncryptionKey};
use maftia_threshold::{Group as _, Ristretto255, Secret};
use serde::Deserialize;
use serde_json::json;

use super::api::{key_path, saved, unasked};
use super::args;
use crate::files::{at, input, print, save};
use crate::http::{Body, Problem};
use crate::output;

/// Between two looks for more shares: they come with the sites' next blocks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// For how long more shares are looked for, once there were enough for somebody who trusts every site:
/// slow sites get longer, but a person does not wait longer.
const LATE_MAX: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
struct Given {
    handed: String,
}

pub(super) fn encrypt(typed: &args::Encrypt) -> Result<(), Problem> {
    let plaintext = input(
        &typed.file,
        PLAINTEXT_BYTES_MAX,
        "encrypt a key of your own to it",
    )?;
    let client = typed.common.connection.client()?;
    let key = client.key(&typed.name)?;
    let public = Ristretto255::decode(&key.public_of("seal")?).map_err(|_| unasked())?;
    let ciphertext = EncryptionKey::new(key.group()?, public)
        .encrypt(typed.label.as_bytes(), &plaintext, &mut rand::rng())
        .map_err(|error| Problem::usage(error.to_string()))?;
    written(
        &typed.output,
        &ciphertext.to_bytes(),
        "encrypted",
        typed.common.json,
    )
}

pub(super) fn decrypt(typed: &args::Decrypt) -> Result<(), Problem> {
    let bytes = input(
        &typed.file,
        CIPHERTEXT_BYTES_MAX,
        "give what `key encrypt` wrote",
    )?;
    let ciphertext = Ciphertext::from_bytes(bytes.clone().into()).map_err(|error| {
        let what = format!("{}: this is no ciphertext: {error}", typed.file.display());
        Problem::failed("bad-ciphertext", what).next("give what `maftia key encrypt` wrote")
    })?;
    let client = typed.common.connection.client()?;
    let key = client.key(&typed.name)?;
    let (public, group) = (key.public_of("seal")?, key.group()?);
    let secret = Secret::<Ristretto255>::random(&mut rand::rng());
    let body = json!({
        "ciphertext": STANDARD.encode(&bytes),
        "to": STANDARD.encode(Recipient::of(&secret).to_bytes()),
    })
    .to_string();
    let deadline = Instant::now() + LATE_MAX;
    let mut id = None;
    loop {
        let target = key_path(&typed.name, "/decrypt");
        let answer = client.use_key(target, Some(Body::Json(body.as_bytes())), id)?;
        id = answer.request_id();
        let given: Given = answer.json()?;
        let handed = STANDARD.decode(given.handed).map_err(|_| unasked())?;
        let handed = Handed::from_bytes(handed.into()).map_err(|_| unasked())?;
        match open(group, &public, &handed, &secret, ciphertext.clone()) {
            Ok(opened) => {
                return written(
                    &typed.output,
                    &opened.plaintext,
                    "decrypted",
                    typed.common.json,
                );
            }
            // Some were wrong: under the same id, those that came later.
            Err(OpenError::TooFew { .. }) if id.is_some() && Instant::now() < deadline => {
                std::thread::sleep(LOOK_EVERY);
            }
            Err(error) => return Err(Problem::failed("not-opened", error.to_string())),
        }
    }
}

fn written(path: &std::path::Path, bytes: &[u8], done: &str, json: bool) -> Result<(), Problem> {
    save(path, bytes).map_err(|error| at(path, &error))?;
    if json {
        return print(&saved(path, bytes.len()));
    }
    output::line(format!("{done} to {}", path.display()));
    Ok(())
}
