/// The longest name of a group, site or client: it is shown in tables and metric labels.
pub const NAME_BYTES_MAX: usize = 32;

/// Whether a text can name a group, a site or a client: letters, digits, `-` and `_`, so that it
/// can stand in a file name, a URL and a metric label without quoting.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(allowed)
}
