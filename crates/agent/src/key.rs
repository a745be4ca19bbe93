use bytes::Bytes;
use maftia_activity::kv::KEY_BYTES_MAX;

use crate::error::Problem;

/// Percent-decoding, strictly: every `%` has two hexadecimal digits behind it.
pub(crate) fn decode(text: &str) -> Result<Bytes, Problem> {
    let mut parts = text.split('%');
    parts.next();
    let hex = |part: &str| part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !parts.all(hex) {
        return Err(Problem::malformed(format!(
            "`{text}` is not percent-encoded"
        )));
    }
    Ok(percent_encoding::percent_decode_str(text)
        .collect::<Vec<u8>>()
        .into())
}

/// The key that a path names: everything behind the prefix, slashes included.
pub(crate) fn of_path(path: &str) -> Result<Bytes, Problem> {
    let key = decode(path.strip_prefix("/v1/kv/").unwrap_or_default())?;
    if key.is_empty() {
        return Err(Problem::malformed("the key is empty"));
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(Problem::refused(maftia_activity::kv::Refusal::KeyTooLong));
    }
    Ok(key)
}

/// The parameters of a query, decoded.
pub(crate) fn parameters(query: Option<&str>) -> Result<Vec<(String, Bytes)>, Problem> {
    let pairs = query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((name.to_owned(), decode(value)?))
        })
        .collect()
}
