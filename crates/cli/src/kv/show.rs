//! Keys and values for people and for programs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::api::Entry;

/// Characters of a value shown in a table.
const PREVIEW_CHARS_MAX: usize = 60;

/// What a person may write as text, and what it becomes.
const TEXTS: [(&str, &str); 3] = [
    ("key_text", "key"),
    ("prefix_text", "prefix"),
    ("value_text", "value"),
];

/// Adds bytes to a JSON object: base64 as `name`, and as `text_name` if they are text.
pub(crate) fn insert(object: &mut Map<String, Value>, name: &str, text_name: &str, bytes: &[u8]) {
    object.insert(name.into(), STANDARD.encode(bytes).into());
    if let Ok(text) = std::str::from_utf8(bytes) {
        object.insert(text_name.into(), text.into());
    }
}

/// An entry as the agent has it, and as text beside it.
pub(super) fn entry(entry: &Entry, keys_only: bool) -> Value {
    let mut object = Map::new();
    insert(&mut object, "key", "key_text", &entry.key.0);
    if !keys_only {
        insert(&mut object, "value", "text", &entry.value.0);
    }
    object.insert("create_revision".into(), entry.create_revision.into());
    object.insert("mod_revision".into(), entry.mod_revision.into());
    object.insert("version".into(), entry.version.into());
    object.into()
}

/// One line: text as it is, what would upset a terminal escaped.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            if char.is_control() || char == '\\' {
                out.extend(char.escape_default());
            } else {
                out.push(char);
            }
        }
        for byte in chunk.invalid() {
            out += &format!("\\x{byte:02x}");
        }
    }
    out
}

/// The beginning of a value, and its size if that is not all.
pub(super) fn preview(value: &[u8]) -> String {
    let head = value.get(..PREVIEW_CHARS_MAX * 4).unwrap_or(value);
    let text = escaped(head);
    if head.len() == value.len() && text.chars().count() <= PREVIEW_CHARS_MAX {
        return text;
    }
    let shown: String = text.chars().take(PREVIEW_CHARS_MAX).collect();
    format!("{shown}… ({} bytes)", value.len())
}

/// Whether bytes can go to a terminal as they are.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    let upsets = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(upsets))
}

/// Puts base64 where a person wrote text.
///
/// # Errors
/// If a text is not a string, or both forms are given.
pub(super) fn encode_texts(value: &mut Value) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(encode_texts),
        Value::Object(object) => {
            for (text_name, name) in TEXTS {
                let Some(text) = object.remove(text_name) else {
                    continue;
                };
                let Some(text) = text.as_str() else {
                    return Err(format!("`{text_name}` is a string"));
                };
                let encoded = STANDARD.encode(text).into();
                if object.insert(name.into(), encoded).is_some() {
                    return Err(format!("give `{name}` or `{text_name}`, not both"));
                }
            }
            object.values_mut().try_for_each(encode_texts)
        }
        _ => Ok(()),
    }
}

/// Adds text beside the base64 of entries, at any depth.
pub(super) fn add_texts(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(add_texts),
        Value::Object(object) => {
            for (name, text_name) in [("key", "key_text"), ("value", "text")] {
                let bytes = object.get(name).and_then(Value::as_str);
                let bytes = bytes.and_then(|text| STANDARD.decode(text).ok());
                if let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
                    object.insert(text_name.into(), json!(text));
                }
            }
            object.values_mut().for_each(add_texts);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_upsets_a_terminal() {
        assert_eq!(escaped("grün\\\n".as_bytes()), "grün\\\\\\n");
        assert_eq!(escaped(b"a\xff\x1b[2J"), "a\\xff\\u{1b}[2J");
        assert!(is_plain("grün\n\t".as_bytes()));
        assert!(!is_plain(b"\x1b[2J") && !is_plain(b"\xff"));
    }

    #[test]
    fn previews_say_when_they_cut() {
        let exact = vec![b'x'; PREVIEW_CHARS_MAX];
        assert_eq!(preview(&exact).as_bytes(), &exact);
        let longer = vec![b'x'; PREVIEW_CHARS_MAX + 1];
        assert!(preview(&longer).ends_with("x… (61 bytes)"));
        let cut_inside_a_char = "ü".repeat(1000);
        assert!(preview(cut_inside_a_char.as_bytes()).ends_with("ü… (2000 bytes)"));
    }

    #[test]
    fn texts_of_a_transaction_become_base64_and_back() {
        let mut txn = json!({"success": [{"put": {"key_text": "k", "value_text": "v"}}],
                             "compare": [{"key_text": "k", "target": {"value_text": "v"}},
                                         {"key": "aw==", "target": {"version": 0}}]});
        encode_texts(&mut txn).unwrap();
        assert_eq!(
            txn,
            json!({"success": [{"put": {"key": "aw==", "value": "dg=="}}],
                   "compare": [{"key": "aw==", "target": {"value": "dg=="}},
                               {"key": "aw==", "target": {"version": 0}}]})
        );
        add_texts(&mut txn);
        let put = &txn["success"][0]["put"];
        assert_eq!((&put["key_text"], &put["text"]), (&json!("k"), &json!("v")));
    }

    #[test]
    fn a_text_beside_its_base64_is_refused() {
        let mut both = json!({"get": {"key": "aw==", "key_text": "k"}});
        assert!(encode_texts(&mut both).is_err());
        let mut number = json!({"get": {"key_text": 1}});
        assert!(encode_texts(&mut number).is_err());
    }
}
