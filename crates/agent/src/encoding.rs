use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

/// Bytes that are base64 (RFC 4648, with padding) in JSON.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Base64(pub Bytes);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = STANDARD.decode(text);
        bytes.map(|bytes| Self(bytes.into())).map_err(|error| {
            D::Error::custom(format!("keys and values are base64 with padding: {error}"))
        })
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that a percent-encoded text stands for. None if a `%` is not followed by two
/// hexadecimal digits.
pub(crate) fn percent_decode(text: &str) -> Option<Bytes> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes.into())
}

/// The parameters of a query, decoded as forms are. None if one is malformed.
pub(crate) fn parameters(query: &str) -> Option<Vec<(Bytes, Bytes)>> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let decode = |text: &str| percent_decode(&text.replace('+', " "));
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_reads_any_bytes_and_refuses_half_an_escape() {
        let decoded = percent_decode("a%2Fb//%00%ff+").unwrap();
        assert_eq!(&decoded[..], b"a/b//\x00\xff+");
        for bad in ["%", "%2", "%zz", "a%-1"] {
            assert_eq!(percent_decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_query_reads_as_forms_do() {
        let read = parameters("prefix=a%2Bb+c&&limit").unwrap();
        let expected = [("prefix", "a+b c"), ("limit", "")];
        assert_eq!(
            read,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
        assert_eq!(parameters("a=%g0"), None);
    }
}
