//! Signing, and checking signatures.

use std::path::Path;

use maftia_activity::keys::signing::MESSAGE_BYTES_MAX;
use maftia_threshold::export::{self, Form};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Reported, key_path, saved, unasked, unhex};
use super::args::{self, SignatureFormat};
use super::check;
use super::commands::out;
use crate::files::{at, input, print, save};
use crate::http::{Body, Client, Problem};
use crate::kv::percent::encode;
use crate::output;

/// The largest file signed by its hash, which is read into memory for that.
const HASHED_FILE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The largest file of a signature: an armored one has about 600 bytes.
const SIGNATURE_BYTES_MAX: usize = 4 * 1024;
/// The largest file of a public key.
const KEY_BYTES_MAX: usize = 4 * 1024;

#[derive(Deserialize)]
struct Signed {
    signature: String,
}

pub(super) fn sign(typed: &args::Sign) -> Result<(), Problem> {
    let client = typed.write.common.connection.client()?;
    let (signature, is_text, mut given) = match typed.format {
        SignatureFormat::Cms => sign_cms(&client, typed)?,
        SignatureFormat::Raw => sign_raw(&client, typed)?,
        SignatureFormat::Sshsig => sign_ssh(&client, typed)?,
    };
    if let Some(path) = &typed.output {
        save(path, &signature).map_err(|error| at(path, &error))?;
    }
    if typed.write.common.json {
        if let (Some(path), Some(fields)) = (&typed.output, given.as_object_mut()) {
            let saved = saved(path, signature.len());
            fields.extend(saved.as_object().cloned().unwrap_or_default());
        }
        return print(&given);
    }
    if typed.output.is_none() {
        out(&signature, is_text);
    }
    Ok(())
}

fn sign_raw(client: &Client, typed: &args::Sign) -> Result<(Vec<u8>, bool, Value), Problem> {
    let next = "maftia key sign --format sshsig hashes a long file first";
    let message = input(&typed.file, MESSAGE_BYTES_MAX, next)?;
    refuse_other_than_plain(&message)?;
    let target = sign_path(typed, "raw");
    let id = typed.write.request_id.clone();
    let answer = client.use_key(target, Some(Body::Bytes(&message)), id)?;
    let signed: Signed = answer.json()?;
    let signature = unhex(&signed.signature).ok_or_else(unasked)?;
    Ok((signature, false, answer.json()?))
}

/// As the agent does, and with what to type instead.
fn refuse_other_than_plain(message: &[u8]) -> Result<(), Problem> {
    let (what, next) = match Form::of(message) {
        Form::Plain => return Ok(()),
        Form::Sshsig => (
            "the file begins with SSHSIG: a plain signature of it would be an SSH signature",
            "maftia key sign --format sshsig, of the file itself",
        ),
        Form::Cms => (
            "the file is a CMS signature's attributes: a plain signature would be one of CMS",
            "maftia key sign --format cms, of the file itself",
        ),
        Form::Certificate => (
            "a plain signature of the file could be a certificate",
            "maftia key sign --format cms",
        ),
    };
    Err(Problem::usage(what).next(next))
}

fn sign_ssh(client: &Client, typed: &args::Sign) -> Result<(Vec<u8>, bool, Value), Problem> {
    let content = input(
        &typed.file,
        HASHED_FILE_BYTES_MAX,
        "sign a digest of it instead",
    )?;
    let message =
        export::sshsig_message(&typed.namespace, &content).map_err(check::namespace_problem)?;
    let (public, signature, mut given) = sign_form(client, typed, ("sshsig", &message))?;
    let armored =
        export::sshsig(&public, &typed.namespace, &signature).map_err(check::namespace_problem)?;
    if let Some(fields) = given.as_object_mut() {
        fields.insert("namespace".into(), json!(typed.namespace));
        fields.insert("text".into(), json!(armored));
    }
    Ok((armored.into_bytes(), true, given))
}

fn sign_cms(client: &Client, typed: &args::Sign) -> Result<(Vec<u8>, bool, Value), Problem> {
    let next = "sign a digest of it instead";
    let content = input(&typed.file, HASHED_FILE_BYTES_MAX, next)?;
    let message = export::cms_message(&content);
    let (public, signature, mut given) = sign_form(client, typed, ("cms", &message))?;
    let armored = export::cms(&public, &content, &signature);
    if let Some(fields) = given.as_object_mut() {
        fields.insert("text".into(), json!(armored));
    }
    Ok((armored.into_bytes(), true, given))
}

/// The key, its signature of a form's message, and the agent's answer.
fn sign_form(
    client: &Client,
    typed: &args::Sign,
    (format, message): (&str, &[u8]),
) -> Result<([u8; 32], [u8; 64], Value), Problem> {
    let public = client.key(&typed.name)?.public_of("ed25519")?;
    let id = typed.write.request_id.clone();
    let answer = client.use_key(sign_path(typed, format), Some(Body::Bytes(message)), id)?;
    let signed: Signed = answer.json()?;
    let signature = unhex(&signed.signature).and_then(|own| <[u8; 64]>::try_from(own).ok());
    Ok((public, signature.ok_or_else(unasked)?, answer.json()?))
}

fn sign_path(typed: &args::Sign, format: &str) -> String {
    let mut path = key_path(&typed.name, &format!("/sign?format={format}"));
    if let Some((register, number)) = &typed.slot {
        path += &format!(
            "&register={}&slot={number}",
            encode(register.as_bytes(), b"")
        );
    }
    path
}

pub(super) fn verify(typed: &args::Verify) -> Result<(), Problem> {
    let (name, file, signature) = named(typed)?;
    let given = input(signature, SIGNATURE_BYTES_MAX, "give a signature's file")?;
    let next = "maftia key sign --format sshsig hashes a long file first";
    let key: Reported = match &typed.key {
        Some(path) => from_file(path)?,
        None => typed.common.connection.client()?.key(&name)?,
    };
    let valid = match typed.format {
        SignatureFormat::Cms => {
            let content = input(file, HASHED_FILE_BYTES_MAX, next)?;
            let armored = String::from_utf8_lossy(&given);
            check::cms(&key.public_of("ed25519")?, &content, &armored)
        }
        SignatureFormat::Raw => {
            let message = input(file, MESSAGE_BYTES_MAX, next)?;
            let text = std::str::from_utf8(&given).ok();
            let from_hex = text.and_then(|text| unhex(text.trim()));
            check::raw(&key, &message, &from_hex.unwrap_or(given))?
        }
        SignatureFormat::Sshsig => {
            let content = input(file, HASHED_FILE_BYTES_MAX, next)?;
            let armored = String::from_utf8_lossy(&given);
            let public = key.public_of("ed25519")?;
            check::sshsig(&public, &typed.namespace, &content, &armored)?
        }
    };
    if !valid {
        let what = "the signature is not valid for this file, key and format";
        let next = "see that file, key, --format and --namespace are those of `maftia key sign`";
        return Err(Problem::failed("bad-signature", what).next(next));
    }
    if typed.common.json {
        return print(&json!({ "valid": true, "public_key": key.public_key }));
    }
    output::line(format!(
        "valid under {}",
        key.public_key.unwrap_or_default()
    ));
    Ok(())
}

/// The key's name if one is wanted, the file, and that of the signature.
fn named(typed: &args::Verify) -> Result<(String, &Path, &Path), Problem> {
    match (&typed.key, &typed.what[..]) {
        (Some(_), [file, signature]) => Ok((String::new(), file, signature)),
        (None, [name, file, signature]) => {
            Ok((name.to_string_lossy().into_owned(), file, signature))
        }
        (Some(_), _) => Err(Problem::usage(
            "with --key, give the file and its signature only",
        )),
        (None, _) => Err(Problem::usage(
            "give the key's name, the file and its signature",
        )),
    }
}

/// A key that was exported earlier, for which nobody has to be asked or trusted now.
fn from_file(path: &Path) -> Result<Reported, Problem> {
    let text = input(path, KEY_BYTES_MAX, "give what `maftia key export` wrote")?;
    let public = check::public_key(&text).ok_or_else(|| {
        let what = format!("{} is no Ed25519 public key", path.display());
        Problem::failed("no-key", what).next("maftia key export NAME --format pem -o FILE")
    })?;
    Ok(Reported::ed25519(&public))
}
