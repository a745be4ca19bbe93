//! Import and export against a store in memory.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::super::api::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use super::batch::{ACTIONS_MAX, BYTES_MAX, READ_BYTES_MAX};
use super::scan::join;
use super::*;

mod broken;
mod round;

const LARGE: usize = 2 * CHUNK_BYTES as usize + 1;

/// A store that checks the bounds of requests and may fail after a number of them.
struct Memory {
    entries: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
    requests: AtomicU64,
    requests_max: u64,
}

impl Memory {
    fn new() -> Self {
        Self {
            entries: Mutex::default(),
            requests: AtomicU64::new(0),
            requests_max: u64::MAX,
        }
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        let entries = self.entries.lock().unwrap();
        let keys = entries
            .keys()
            .map(|key| String::from_utf8(key.clone()).unwrap());
        keys.filter(|key| key.starts_with(prefix)).collect()
    }

    fn request(&self) -> Result<(), Problem> {
        if self.requests.fetch_add(1, Ordering::Relaxed) < self.requests_max {
            return Ok(());
        }
        Err(Problem::failed("test", "the store is gone"))
    }
}

impl Kv for Memory {
    fn put_many(&self, puts: Vec<Pair>) -> Result<(), Problem> {
        self.request()?;
        let total: usize = puts
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        assert!((1..=ACTIONS_MAX).contains(&puts.len()) && total <= BYTES_MAX);
        let mut entries = self.entries.lock().unwrap();
        for (key, value) in puts {
            assert!((1..=KEY_BYTES_MAX).contains(&key.len()) && value.len() <= VALUE_BYTES_MAX);
            entries.insert(key, value);
        }
        Ok(())
    }

    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Problem> {
        self.request()?;
        assert!((1..=ACTIONS_MAX).contains(&keys.len()));
        let entries = self.entries.lock().unwrap();
        let found: Vec<_> = keys.iter().map(|key| entries.get(key).cloned()).collect();
        let bytes = found.iter().flatten().map(Vec::len).sum::<usize>();
        assert!(bytes <= READ_BYTES_MAX);
        Ok(found)
    }

    fn delete_many(&self, keys: &[Vec<u8>]) -> Result<(), Problem> {
        self.request()?;
        assert!((1..=ACTIONS_MAX).contains(&keys.len()));
        let mut entries = self.entries.lock().unwrap();
        keys.iter().for_each(|key| {
            entries.remove(key);
        });
        Ok(())
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, part: Part) -> Result<Listed, Problem> {
        // Small pages, so that paging is tested.
        const PAGE: usize = 3;
        self.request()?;
        let entries = self.entries.lock().unwrap();
        let above = |key: &Vec<u8>| after.is_none_or(|after| key.as_slice() > after);
        let mut found: Vec<Pair> = entries
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && above(key))
            .take(PAGE + 1)
            .map(|(key, value)| {
                let value = if part == Part::Keys {
                    Vec::new()
                } else {
                    value.clone()
                };
                (key.clone(), value)
            })
            .collect();
        let more = found.len() > PAGE;
        found.truncate(PAGE);
        Ok(Listed {
            entries: found,
            more,
        })
    }
}

fn take_in(store: &Memory, root: &Path) -> Result<Summary, Problem> {
    let options = import::Options {
        threads: 4,
        delete: false,
    };
    let layout = Layout::new(b"t/").unwrap();
    import::import(store, &layout, root, &options, &Progress::hidden())
}

fn take_in_exactly(store: &Memory, root: &Path) -> Result<Summary, Problem> {
    let options = import::Options {
        threads: 4,
        delete: true,
    };
    let layout = Layout::new(b"t/").unwrap();
    import::import(store, &layout, root, &options, &Progress::hidden())
}

fn take_out(store: &Memory, root: &Path, force: bool) -> Result<Summary, Problem> {
    let options = export::Options { force };
    let layout = Layout::new(b"t/").unwrap();
    export::export(store, &layout, root, &options, &Progress::hidden())
}

fn write(root: &Path, path: &[u8], content: &[u8]) {
    let place = join(root, path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, content).unwrap();
}

/// Bytes without repetition.
fn bytes(seed: usize, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// Mode, time and content.
type What = (u32, i64, i64, Option<Vec<u8>>);

/// All there is, by path.
fn picture(root: &Path) -> BTreeMap<Vec<u8>, What> {
    let mut picture = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(place) = open.pop() {
        let metadata = fs::symlink_metadata(&place).unwrap();
        let content = metadata.is_file().then(|| fs::read(&place).unwrap());
        let path = place
            .strip_prefix(root)
            .unwrap()
            .as_os_str()
            .as_bytes()
            .to_vec();
        let what = (
            metadata.mode(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            content,
        );
        picture.insert(path, what);
        if metadata.is_dir() {
            open.extend(
                fs::read_dir(&place)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    picture
}
