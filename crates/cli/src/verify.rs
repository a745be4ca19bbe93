//! `maftia verify`: what a proof proves, or a transcript says, decided here and without any group.

use std::path::{Path, PathBuf};

use clap::Args;
use maftia_verify::{
    GroupKey, PROOF_BYTES_MAX, ProofError, Proven, Utc, entry, transcript as read_transcript,
};
use serde_json::{Map, json};

use crate::ceremony::transcript;
use crate::failure::Failure;
use crate::files::{at, input, print, save};
use crate::http::Problem;
use crate::key::api::hex;
use crate::kv::show;
use crate::output;

/// A file with a key, in hexadecimal or raw.
const KEY_FILE_BYTES_MAX: usize = 4096;

#[derive(Debug, Args)]
#[command(
    after_help = "The group's key is that of `maftia key export group`. It stays the same for the \
                  life of the group: get it once, from a place you trust.\n\nA proof says what was \
                  after a certain commit, at the time that the sites agreed on. Whether that is \
                  recent enough is for you to say. `maftia-verify` does the same in a program of \
                  its own.\n\nExample:\n  maftia key export group --format raw -o group.key\n  \
                  maftia kv get greeting --proof greeting.proof\n  maftia verify greeting.proof \
                  --group-key group.key\n  maftia ceremony transcript signing -o signing.transcript\n  \
                  maftia verify signing.transcript --group-key group.key"
)]
pub(crate) struct Verify {
    /// The proof, or the transcript of a ceremony; `-` reads standard input
    file: PathBuf,
    /// The group's public key: 192 hexadecimal digits, or a file of these or of the 96 bytes
    #[arg(long, value_name = "HEX|FILE")]
    group_key: String,
    /// Write the proven value to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(typed: &Verify) -> Result<(), Failure> {
    verify(typed).or_else(|problem| problem.end(typed.json))
}

fn verify(typed: &Verify) -> Result<(), Problem> {
    let key = read_key(&typed.group_key)?;
    let proof = input(&typed.file, PROOF_BYTES_MAX, "give a proof")?;
    let wrong = |error: ProofError| {
        let what = format!("nothing is proven: {error}");
        Problem::failed("bad-proof", what).next("compare the key with `maftia key show group`")
    };
    let proven = match entry(&proof, &key) {
        Err(ProofError::UnknownKind) => return verify_transcript(typed, &proof, &key, wrong),
        proven => proven.map_err(wrong)?,
    };
    if let (Some(path), Some(found)) = (&typed.output, &proven.entry) {
        save(path, found.value).map_err(|error| at(path, &error))?;
    }
    if typed.json {
        return print(&object(&proven).into());
    }
    tell(&proven);
    Ok(())
}

/// What is no proof of an entry may be a transcript.
fn verify_transcript(
    typed: &Verify,
    file: &[u8],
    key: &GroupKey,
    wrong: impl Fn(ProofError) -> Problem,
) -> Result<(), Problem> {
    let said = read_transcript(file, key).map_err(wrong)?;
    if typed.output.is_some() {
        return Err(Problem::usage("a transcript proves no value to write"));
    }
    if typed.json {
        return print(&transcript::object(&said));
    }
    transcript::tell(&said);
    Ok(())
}

fn tell(proven: &Proven<'_>) {
    let key = show::escaped(proven.key);
    output::line(match &proven.entry {
        Some(found) if show::is_plain(found.value) && found.value.len() <= 64 => {
            format!("valid: {key} was {}", show::escaped(found.value))
        }
        Some(found) => format!("valid: {key} was a value of {} bytes", found.value.len()),
        None => format!("valid: there was no {key}"),
    });
    let head = &proven.head;
    let facts = [
        ("at", format!("{}, as the group agreed", Utc(head.time_ms))),
        ("commit", head.commit.to_string()),
        ("revision", proven.revision.to_string()),
        ("group", hex(&head.group)),
        ("epoch", head.epoch.to_string()),
    ];
    for (name, value) in facts {
        output::line(format!("  {name:<8}  {value}"));
    }
}

fn object(proven: &Proven<'_>) -> Map<String, serde_json::Value> {
    let mut object = Map::new();
    object.insert("valid".into(), true.into());
    show::insert(&mut object, "key", "key_text", proven.key);
    object.insert("present".into(), proven.entry.is_some().into());
    if let Some(found) = &proven.entry {
        show::insert(&mut object, "value", "text", found.value);
        object.insert("create_revision".into(), json!(found.create_revision));
        object.insert("mod_revision".into(), json!(found.mod_revision));
        object.insert("version".into(), json!(found.version));
    }
    let head = &proven.head;
    for (name, value) in [
        ("revision", json!(proven.revision)),
        ("commit", json!(head.commit)),
        ("time_ms", json!(head.time_ms)),
        ("time", json!(Utc(head.time_ms).to_string())),
        ("epoch", json!(head.epoch)),
        ("group", json!(hex(&head.group))),
        ("members", json!(hex(&head.members))),
        ("chain", json!(hex(&head.chain))),
    ] {
        object.insert(name.into(), value);
    }
    object
}

/// A key in hexadecimal, or in a file.
pub(crate) fn read_key(typed: &str) -> Result<GroupKey, Problem> {
    if let Ok(key) = GroupKey::from_hex(typed) {
        return Ok(key);
    }
    if typed.len() == 2 * GroupKey::BYTES && typed.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::usage("these digits are no public key of a group"));
    }
    let bytes = input(Path::new(typed), KEY_FILE_BYTES_MAX, "give the group's key")?;
    let text = std::str::from_utf8(&bytes).ok();
    match text.and_then(|text| GroupKey::from_hex(text).ok()) {
        Some(key) => Ok(key),
        None => group_key(&bytes),
    }
}

/// The key of its 96 bytes.
pub(crate) fn group_key(bytes: &[u8]) -> Result<GroupKey, Problem> {
    let next = "maftia key export group --format raw -o group.key";
    let wrong = |error: maftia_verify::KeyError| Problem::failed("bad-key", error.to_string());
    GroupKey::from_bytes(bytes).map_err(|error| wrong(error).next(next))
}
