//! `maftia-verify`: checks what a group has signed, with its public key and nothing else.
//!
//! The arguments are read by hand: what has to be trusted here is this file, `maftia-verify`'s
//! library, three packages for hashing and the curve, and the standard library.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use maftia_verify::{
    GroupKey, Outcome, PROOF_BYTES_MAX, TRANSCRIPT_BYTES_MAX, Utc, entry, transcript,
};

const USAGE: &str = "\
Checks offline what a group has signed, under its public key.

  maftia-verify proof FILE KEY                  an entry of the store, or that there was none
  maftia-verify transcript FILE KEY             what became of a ceremony of the group's keys
  maftia-verify beacon ROUND SIGNATURE KEY      a round of the beacon
  maftia-verify signature FILE SIGNATURE GROUP KEY
                                                a BLS signature of a file, made for a client

KEY and GROUP are hexadecimal digits, SIGNATURE too; `-` as FILE reads standard input. KEY is what
`maftia key show group` (or `beacon`, or the name of the key) prints. For Ed25519 signatures any
verifier does, as `openssl pkeyutl` or `ssh-keygen -Y`.

Exit codes: 0 valid, 1 not valid, 2 usage
";

/// The longest file whose signature is checked: what a group signs is shorter.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

type Checked = Result<String, Box<dyn Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let checked = match words.as_slice() {
        ["proof", file, key] => proof(file, key),
        ["transcript", file, key] => ceremony(file, key),
        ["beacon", round, signature, key] => beacon(round, signature, key),
        ["signature", file, signed, group, key] => signature(file, signed, group, key),
        _ => {
            // Where it is said does not change what is said.
            let _ = io::stderr().write_all(USAGE.as_bytes());
            return ExitCode::from(2);
        }
    };
    match checked {
        Ok(text) => match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        },
        Err(error) => {
            let _ = writeln!(io::stderr(), "not valid: {error}");
            ExitCode::FAILURE
        }
    }
}

fn proof(file: &str, key: &str) -> Checked {
    let key = GroupKey::from_hex(key)?;
    let bytes = read(file, PROOF_BYTES_MAX)?;
    let proven = entry(&bytes, &key)?;
    let what = match proven.entry {
        Some(found) => format!("was {}", shown(found.value)),
        None => "was absent".to_owned(),
    };
    let head = proven.head;
    Ok(format!(
        "valid: {} {what}\n  at        {}, as the group agreed\n  commit    {}\n  revision  {}\n  \
         group     {}\n  epoch     {}\n",
        shown(proven.key),
        Utc(head.time_ms),
        head.commit,
        proven.revision,
        hex(&head.group),
        head.epoch,
    ))
}

fn ceremony(file: &str, key: &str) -> Checked {
    let key = GroupKey::from_hex(key)?;
    let bytes = read(file, TRANSCRIPT_BYTES_MAX)?;
    let said = transcript(&bytes, &key)?;
    let mut text = format!(
        "valid: ceremony {} made version {} of key {}\n  public key {}\n  group      {}\n  \
         epoch      {}\n  threshold  {} of {}\n",
        said.ceremony,
        said.version,
        shown(said.name.as_bytes()),
        hex(said.public_key()),
        hex(&said.group),
        said.epoch,
        said.threshold,
        said.members().count(),
    );
    for dealer in said.dealers() {
        let what = match dealer.outcome {
            Outcome::Convicted(why) => format!("dealt wrongly: {why}"),
            Outcome::NotNeeded => "not needed".to_owned(),
            Outcome::Qualified(dealing) => format!("qualified with dealing {}", hex(dealing)),
        };
        text += &format!("  dealer     {} {what}\n", hex(dealer.site));
    }
    for member in said.members() {
        let mark = if member.exposed { " exposed" } else { "" };
        text += &format!("  member     {}{mark}\n", hex(member.site));
    }
    Ok(text)
}

fn beacon(round: &str, signature: &str, key: &str) -> Checked {
    let key = GroupKey::from_hex(key)?;
    let round: u64 = round.parse()?;
    let randomness = key.beacon(round, &unhex::<48>(signature)?)?;
    Ok(format!(
        "valid: round {round}, randomness {}\n",
        hex(&randomness)
    ))
}

fn signature(file: &str, signature: &str, group: &str, key: &str) -> Checked {
    let key = GroupKey::from_hex(key)?;
    let message = read(file, MESSAGE_BYTES_MAX)?;
    key.signature(&unhex::<32>(group)?, &message, &unhex::<48>(signature)?)?;
    Ok(format!("valid: {file}\n"))
}

fn read(file: &str, bytes_max: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let from: Box<dyn Read> = match file {
        "-" => Box::new(io::stdin()),
        path => Box::new(File::open(path).map_err(|error| format!("{path}: {error}"))?),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        return Err(format!("{file} has more than {bytes_max} bytes").into());
    }
    Ok(bytes)
}

/// Short bytes as they are, but for what would steer a terminal; the length of long ones.
fn shown(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=256 => format!("\"{}\"", bytes.escape_ascii()),
        length => format!("{length} bytes"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let wrong = || format!("`{text}` is not {} hexadecimal digits", 2 * N);
    let (pairs, stray) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !stray.is_empty() {
        return Err(wrong());
    }
    let mut bytes = [0; N];
    for (to, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        let value = high.zip(low).map(|(high, low)| high * 16 + low);
        *to = value
            .and_then(|value| u8::try_from(value).ok())
            .ok_or_else(wrong)?;
    }
    Ok(bytes)
}
