//! Percent-encoding of keys, which are any bytes.

/// Appends `bytes` with every byte encoded that is not unreserved (RFC 3986 §2.3) or in `kept`.
pub(crate) fn encode(bytes: &[u8], kept: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let hex = |nibble: u8| {
        HEX.get(usize::from(nibble))
            .map_or('0', |&byte| byte.into())
    };
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            out.push(byte.into());
        } else {
            out.push('%');
            out.push(hex(byte >> 4));
            out.push(hex(byte & 0xf));
        }
    }
    out
}

/// The bytes that `text` encodes, if every `%` begins two hexadecimal digits.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(out)
}

/// The path that names a key. Slashes stay, so that it reads like the key.
pub(crate) fn key_path(key: &[u8]) -> String {
    format!("/v1/kv/{}", encode(key, b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        for kept in [&b""[..], b"/"] {
            let text = encode(&all, kept);
            assert!(text.is_ascii());
            assert_eq!(decode(&text).as_deref(), Some(&all[..]));
        }
    }

    #[test]
    fn a_key_path_keeps_slashes_only() {
        assert_eq!(key_path(b"a/b c?d#e%f"), "/v1/kv/a/b%20c%3Fd%23e%25f");
        assert_eq!(key_path("ü".as_bytes()), "/v1/kv/%C3%BC");
    }

    #[test]
    fn half_an_escape_is_refused() {
        for bad in ["%", "%4", "%4g", "a%zz", "%+1"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(decode("%2f%2F").as_deref(), Some(&b"//"[..]));
    }
}
