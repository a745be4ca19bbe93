use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use maftia_crypto::SigningKey;
use maftia_types::Digest;
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::ConfigError;
use crate::file::{create_secret, unreadable, unwritable};

/// The shortest token: 128 bits as hexadecimal digits.
pub const SECRET_BYTES_MIN: usize = 32;

/// No key or token is longer.
const SECRET_BYTES_MAX: u64 = 1024;

/// Reads a signing key.
///
/// # Errors
/// If the file is missing, readable by others, or no seed of 64 hexadecimal digits.
pub fn load_key(path: &Path) -> Result<SigningKey, ConfigError> {
    let text = load(path)?;
    let seed = Digest::from_hex(text.trim_end()).ok_or_else(|| {
        let what = "a key file holds 64 hexadecimal digits and nothing else";
        ConfigError::new(path, what, "give the right file, or restore it from a copy")
    })?;
    let seed = Zeroizing::new(seed.0);
    Ok(SigningKey::from_seed(*seed))
}

/// Writes a signing key to a new file of mode 0600.
///
/// # Errors
/// If the file exists or cannot be written.
///
/// # Panics
/// For a mock key, which has no seed.
pub fn save_key(path: &Path, key: &SigningKey) -> Result<(), ConfigError> {
    let seed = key.seed().expect("only simulations use mock keys");
    let text = hex(&seed);
    create_secret(path, text.as_bytes()).map_err(|error| unwritable(path, &error))
}

/// Reads a token, by which a caller shows that he may use an interface.
///
/// # Errors
/// If the file is missing, readable by others, or holds less than [`SECRET_BYTES_MIN`] bytes or
/// anything that cannot stand in an HTTP header.
pub fn load_token(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let text = load(path)?;
    let token = text.trim_end();
    if token.len() < SECRET_BYTES_MIN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let what = format!("a token is at least {SECRET_BYTES_MIN} visible ASCII characters");
        let next = "make one with `openssl rand -hex 32`";
        return Err(ConfigError::new(path, what, next));
    }
    Ok(Zeroizing::new(token.to_owned()))
}

/// Writes a fresh token to a new file of mode 0600.
///
/// # Errors
/// If the file exists or cannot be written.
pub fn save_token(path: &Path, rng: &mut impl CryptoRng) -> Result<(), ConfigError> {
    let mut token = Zeroizing::new([0; 32]);
    rng.fill_bytes(token.as_mut());
    create_secret(path, hex(&token).as_bytes()).map_err(|error| unwritable(path, &error))
}

fn hex(secret: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(format!("{}\n", Digest(*secret)))
}

fn load(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    // The opened file is asked, not its name: the name may stand for another one by now.
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("other users can get at this secret (mode {mode:03o})");
        let next = format!("type `chmod 600 {}`", path.display());
        return Err(ConfigError::new(path, what, next));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(SECRET_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(path, &error))?;
    Ok(text)
}
