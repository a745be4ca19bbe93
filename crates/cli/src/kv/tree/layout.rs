//! Under which keys a tree is stored.
//!
//! | key | value |
//! |---|---|
//! | `PREFIX m/ PATH` | the manifest of a file or directory; the root's path is empty |
//! | `PREFIX c/ ID / N` | chunk N of a file's content, N as eight hexadecimal digits |
//!
//! A path is the names joined by slashes, with `%XX` for `%`, control characters and bytes that
//! are not UTF-8: every name can be stored, and keys can be read. An id is derived from path and
//! content, so a new content never overwrites chunks of the one that is visible, and an import
//! that is repeated finds the chunks it has stored.

use super::super::api::KEY_BYTES_MAX;
use super::super::percent;
use super::manifest::FileContent;

const CONTEXT_ID: &str = "maftia 2026-11 kv tree chunk id v1";

/// Bytes of a chunk's key after the prefix.
const CHUNK_KEY_BYTES: usize = 2 + 32 + 1 + 8;

#[derive(Clone, Debug)]
pub(crate) struct Layout {
    prefix: Vec<u8>,
}

impl Layout {
    /// Nothing if the prefix is so long that no chunk could be stored.
    pub(crate) fn new(prefix: &[u8]) -> Option<Self> {
        let prefix = prefix.to_vec();
        (prefix.len() + CHUNK_KEY_BYTES <= KEY_BYTES_MAX).then_some(Self { prefix })
    }

    pub(super) fn manifests(&self) -> Vec<u8> {
        [&self.prefix, &b"m/"[..]].concat()
    }

    pub(super) fn chunks(&self) -> Vec<u8> {
        [&self.prefix, &b"c/"[..]].concat()
    }

    /// The key of a path's manifest, unless it would be too long.
    pub(super) fn manifest_key(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut key = self.manifests();
        key.extend_from_slice(escape(path).as_bytes());
        (key.len() <= KEY_BYTES_MAX).then_some(key)
    }

    /// The path whose manifest a key is, if it is one that stays below the root it is written to.
    pub(super) fn path(&self, key: &[u8]) -> Option<Vec<u8>> {
        let text = key.strip_prefix(&self.manifests()[..])?;
        let text = std::str::from_utf8(text).ok()?;
        let path = percent::decode(text)?;
        // One path has one key.
        (escape(&path) == text && stays_below(&path)).then_some(path)
    }

    /// What a content's chunks are called.
    pub(super) fn chunk_keys(&self, path: &[u8], content: &FileContent) -> ChunkKeys {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT_ID);
        // The parts before the path have fixed lengths.
        hasher.update(content.digest.as_bytes());
        hasher.update(&content.chunk_bytes.to_le_bytes());
        hasher.update(path);
        let id = hasher.finalize().to_hex();
        let short: String = id.chars().take(32).collect();
        ChunkKeys {
            stem: [&self.chunks()[..], short.as_bytes(), b"/"].concat(),
            count: content.chunks(),
        }
    }
}

/// The keys of one file's chunks.
#[derive(Clone, Debug)]
pub(super) struct ChunkKeys {
    stem: Vec<u8>,
    pub(super) count: u64,
}

impl ChunkKeys {
    pub(super) fn key(&self, index: u64) -> Vec<u8> {
        [&self.stem[..], format!("{index:08x}").as_bytes()].concat()
    }

    /// Whether a key is one of them.
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        let index = key.strip_prefix(&self.stem[..]);
        let index = index.and_then(|index| std::str::from_utf8(index).ok());
        let index = index.and_then(|index| u64::from_str_radix(index, 16).ok());
        index.is_some_and(|index| index < self.count && self.key(index) == key)
    }

    /// What all of them begin with.
    pub(super) fn stem(&self) -> &[u8] {
        &self.stem
    }
}

fn escape(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for char in chunk.valid().chars() {
            if char == '%' || char.is_control() {
                let mut bytes = [0; 4];
                out += &percent::encode(char.encode_utf8(&mut bytes).as_bytes(), b"");
            } else {
                out.push(char);
            }
        }
        out += &percent::encode(chunk.invalid(), b"");
    }
    out
}

/// Whether a path names the root or something in it.
fn stays_below(path: &[u8]) -> bool {
    let is_name = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !name.contains(&0);
    path.is_empty() || path.split(|&byte| byte == b'/').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::new(b"tree/").unwrap()
    }

    #[test]
    fn every_name_survives() {
        let mut name: Vec<u8> = (1..=u8::MAX).filter(|&byte| byte != b'/').collect();
        name.extend_from_slice("ü/€%41\u{85}".as_bytes());
        for path in [&name[..], b"", b"a", b"a/b", b"...", b"a/..b", b"%2e%2e"] {
            let key = layout().manifest_key(path).unwrap();
            assert!(std::str::from_utf8(&key).is_ok());
            assert_eq!(layout().path(&key).as_deref(), Some(path));
        }
    }

    #[test]
    fn plain_paths_read_like_their_keys() {
        let key = layout().manifest_key("src/grün & blau.txt".as_bytes());
        assert_eq!(key.unwrap(), "tree/m/src/grün & blau.txt".as_bytes());
        assert_eq!(layout().manifest_key(b"\xff\n").unwrap(), b"tree/m/%FF%0A");
    }

    #[test]
    fn keys_that_lead_out_of_the_root_are_no_paths() {
        for bad in [
            "/etc/passwd",
            "..",
            "../x",
            "a/../../x",
            "a/..",
            ".",
            "a/./b",
            "a//b",
            "a/",
            "/",
            "%2E%2E/x",
            "a%00b",
            "a%2Fb",
            "%41",
            "%ff",
            "%FZ",
            "%",
        ] {
            let key = format!("tree/m/{bad}");
            assert_eq!(layout().path(key.as_bytes()), None, "{bad}");
        }
        assert_eq!(layout().path(b"tree/c/x"), None);
        assert_eq!(layout().path(b"tree/m/\xff"), None);
    }

    #[test]
    fn a_path_fits_up_to_the_longest_key() {
        let room = KEY_BYTES_MAX - "tree/m/".len();
        assert!(layout().manifest_key(&vec![b'x'; room]).is_some());
        assert!(layout().manifest_key(&vec![b'x'; room + 1]).is_none());
        assert!(layout().manifest_key(&vec![0xff; room / 3]).is_some());
        assert!(layout().manifest_key(&vec![0xff; room / 3 + 1]).is_none());
        let prefix_max = KEY_BYTES_MAX - CHUNK_KEY_BYTES;
        assert!(Layout::new(&vec![b'x'; prefix_max]).is_some());
        assert!(Layout::new(&vec![b'x'; prefix_max + 1]).is_none());
    }

    #[test]
    fn chunks_of_another_path_or_content_have_other_keys() {
        let content = |text: &str| FileContent {
            size: 3,
            chunk_bytes: 2,
            digest: blake3::hash(text.as_bytes()),
        };
        let keys = layout().chunk_keys(b"a", &content("abc"));
        let first = keys.key(0);
        assert_eq!(first.len(), "tree/".len() + CHUNK_KEY_BYTES);
        assert_ne!(first, layout().chunk_keys(b"b", &content("abc")).key(0));
        assert_ne!(first, layout().chunk_keys(b"a", &content("abd")).key(0));
        assert!(keys.contains(&first) && keys.contains(&keys.key(1)));
        assert!(!keys.contains(&keys.key(2)));
        assert!(!keys.contains(&[&keys.stem[..], b"1"].concat()));
    }
}
