//! From a directory into the store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Mutex;

use super::batch::{ACTIONS_MAX, BYTES_MAX, Cost, runs};
use super::layout::Layout;
use super::manifest::{FileContent, Kind, MODE_KEPT, Manifest};
use super::parallel::parallel;
use super::progress::Progress;
use super::scan::{self, Found, FoundKind, Refused, scan};
use super::{CHUNK_BYTES, Kv, Pair, Part, Summary, list_all};
use crate::http::Problem;

#[derive(Debug)]
pub(super) struct Options {
    pub(super) threads: usize,
    /// Remove what is stored and not found.
    pub(super) delete: bool,
}

/// Why a file is not stored: it is refused, or nothing can be stored any more.
enum Trouble {
    Refused(String),
    Store(Problem),
}

struct Import<'a, K> {
    store: &'a K,
    layout: &'a Layout,
    root: &'a Path,
    progress: &'a Progress,
    /// What was stored before; nothing for what is not understood.
    before: BTreeMap<Vec<u8>, Option<Manifest>>,
    /// There are keys that are no paths to us.
    has_strange: bool,
    /// Chunks that were stored before.
    chunks: BTreeSet<Vec<u8>>,
    tally: Mutex<Tally>,
}

#[derive(Default)]
struct Tally {
    stored: BTreeMap<Vec<u8>, Manifest>,
    refused: Vec<Refused>,
    unchanged: u64,
}

/// A file that is read, and what there is to store of it.
struct Small {
    path: Vec<u8>,
    manifest: Manifest,
    puts: Vec<Pair>,
}

/// Stores a tree.
///
/// # Errors
/// If the store fails; then what is visible is a mixture of whole files.
pub(super) fn import(
    store: &impl Kv,
    layout: &Layout,
    root: &Path,
    options: &Options,
    progress: &Progress,
) -> Result<Summary, Problem> {
    let scanned = scan(root, layout);
    let manifests = list_all(store, &layout.manifests(), Part::KeysAndValues)?;
    let chunks = list_all(store, &layout.chunks(), Part::Keys)?;
    let known = |(key, value): &Pair| Some((layout.path(key)?, Manifest::from_bytes(value).ok()));
    let before: BTreeMap<_, _> = manifests.iter().filter_map(known).collect();
    let import = Import {
        store,
        layout,
        root,
        progress,
        has_strange: before.len() < manifests.len(),
        before,
        chunks: chunks.into_iter().map(|(key, _)| key).collect(),
        tally: Mutex::new(Tally {
            refused: scanned.refused,
            ..Tally::default()
        }),
    };
    let is_large =
        |it: &Found| matches!(it.kind, FoundKind::File(size) if size > CHUNK_BYTES.into());
    let (large, small): (Vec<Found>, Vec<Found>) = scanned.found.into_iter().partition(is_large);
    let small = runs(small, BYTES_MAX, |found| import.cost(found));
    parallel(options.threads, small.len() as u64, |index| {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        import.store_small(small.get(index).map_or(&[], Vec::as_slice))
    })?;
    for found in &large {
        import.store_large(&found.path, options.threads)?;
    }
    import.finish(options)
}

impl<K: Kv> Import<'_, K> {
    fn cost(&self, found: &Found) -> Cost {
        let (actions, content) = match found.kind {
            FoundKind::Directory(_) => (1, 0),
            FoundKind::File(size) => (2, usize::try_from(size).unwrap_or(usize::MAX)),
        };
        let key = self.layout.manifest_key(&found.path).unwrap_or_default();
        Cost {
            actions,
            // The key of the chunk, and the manifest, are together less than this.
            bytes: content.saturating_add(key.len()).saturating_add(512),
        }
    }

    /// Stores directories and files of one chunk, in as few requests as they fit.
    fn store_small(&self, run: &[Found]) -> Result<(), Problem> {
        let (mut puts, mut total, mut done) = (Vec::new(), Cost::NONE, Vec::new());
        for found in run {
            let small = match self.read_small(found) {
                Ok(small) => small,
                Err(error) => {
                    self.refuse(&found.path, error.to_string());
                    continue;
                }
            };
            let cost = Cost {
                actions: small.puts.len(),
                bytes: small
                    .puts
                    .iter()
                    .map(|(key, value)| key.len() + value.len())
                    .sum(),
            };
            // Files may have grown since they were found.
            if !total.plus(cost).fits(BYTES_MAX) {
                self.flush(&mut puts, &mut done)?;
                total = Cost::NONE;
            }
            total = total.plus(cost);
            puts.extend(small.puts);
            done.push((small.path, small.manifest));
        }
        self.flush(&mut puts, &mut done)
    }

    fn flush(
        &self,
        puts: &mut Vec<Pair>,
        done: &mut Vec<(Vec<u8>, Manifest)>,
    ) -> Result<(), Problem> {
        if !puts.is_empty() {
            self.store.put_many(std::mem::take(puts))?;
        }
        for (path, manifest) in done.drain(..) {
            self.stored(path, manifest);
        }
        Ok(())
    }

    fn read_small(&self, found: &Found) -> io::Result<Small> {
        let path = found.path.clone();
        let (manifest, bytes) = match &found.kind {
            FoundKind::Directory(manifest) => (manifest.clone(), Vec::new()),
            FoundKind::File(_) => {
                let (file, _) = scan::open(self.root, &path)?;
                let mut bytes = Vec::new();
                (&file)
                    .take(u64::from(CHUNK_BYTES) + 1)
                    .read_to_end(&mut bytes)?;
                let manifest = described(&file, bytes.len() as u64, blake3::hash(&bytes))?;
                if bytes.len() as u64 > CHUNK_BYTES.into() {
                    return Err(changed());
                }
                (manifest, bytes)
            }
        };
        let mut puts = Vec::new();
        if let Kind::File(content) = &manifest.kind {
            let key = self.layout.chunk_keys(&path, content).key(0);
            if !bytes.is_empty() && !self.chunks.contains(&key) {
                puts.push((key, bytes));
            }
        }
        puts.extend(self.manifest_put(&path, &manifest));
        Ok(Small {
            path,
            manifest,
            puts,
        })
    }

    /// Stores a file of several chunks: reads it twice, so that its chunks can be named after its
    /// content and only one per thread is in memory.
    fn store_large(&self, path: &[u8], threads: usize) -> Result<(), Problem> {
        match self.try_large(path, threads) {
            Ok(manifest) => {
                self.stored(path.to_vec(), manifest);
                Ok(())
            }
            Err(Trouble::Refused(why)) => {
                self.refuse(path, why);
                Ok(())
            }
            Err(Trouble::Store(problem)) => Err(problem),
        }
    }

    fn try_large(&self, path: &[u8], threads: usize) -> Result<Manifest, Trouble> {
        let (file, _) = scan::open(self.root, path)?;
        let mut whole = blake3::Hasher::new();
        let (mut parts, mut size) = (Vec::new(), 0);
        let mut buffer = vec![0; CHUNK_BYTES as usize];
        loop {
            let chunk = read_chunk(&file, size, &mut buffer)?;
            if chunk.is_empty() {
                break;
            }
            whole.update(chunk);
            parts.push(blake3::hash(chunk));
            size += chunk.len() as u64;
        }
        let manifest = described(&file, size, whole.finalize())?;
        let Kind::File(content) = &manifest.kind else {
            return Err(changed().into());
        };
        let keys = self.layout.chunk_keys(path, content);
        parallel(threads, keys.count, |index| {
            let key = keys.key(index);
            if self.chunks.contains(&key) {
                return Ok(());
            }
            let mut buffer = vec![0; content.chunk_len(index)];
            let chunk = read_chunk(&file, content.offset(index), &mut buffer)?;
            let part = usize::try_from(index)
                .ok()
                .and_then(|index| parts.get(index));
            if part != Some(&blake3::hash(chunk)) {
                return Err(changed().into());
            }
            self.store.put_many(vec![(key, buffer)])?;
            self.progress.add(0, content.chunk_len(index) as u64);
            Ok::<(), Trouble>(())
        })?;
        if let Some(put) = self.manifest_put(path, &manifest) {
            self.store.put_many(vec![put])?;
        }
        Ok(manifest)
    }

    /// What makes a path visible, unless it is so already.
    fn manifest_put(&self, path: &[u8], manifest: &Manifest) -> Option<Pair> {
        let before = self.before.get(path).and_then(Option::as_ref);
        if before == Some(manifest) {
            return None;
        }
        // The scan has refused paths without a key.
        Some((self.layout.manifest_key(path)?, manifest.to_bytes()))
    }

    fn stored(&self, path: Vec<u8>, manifest: Manifest) {
        let mut tally = self.tally.lock().expect("nobody panics with the tally");
        let is_file = matches!(manifest.kind, Kind::File(_));
        let before = self.before.get(&path).and_then(Option::as_ref);
        tally.unchanged += u64::from(is_file && before == Some(&manifest));
        match &manifest.kind {
            // The chunks of a large file are shown one by one.
            Kind::File(content) if content.chunks() <= 1 => self.progress.add(1, content.size),
            Kind::File(_) => self.progress.add(1, 0),
            Kind::Directory => {}
        }
        tally.stored.insert(path, manifest);
    }

    fn refuse(&self, path: &[u8], why: String) {
        let mut tally = self.tally.lock().expect("nobody panics with the tally");
        tally.refused.push(Refused::new(path, why));
    }

    /// Removes what was stored and has no place any more.
    fn finish(self, options: &Options) -> Result<Summary, Problem> {
        let tally = self
            .tally
            .into_inner()
            .expect("nobody panics with the tally");
        let stays = |path: &[u8]| {
            let lost = options.delete && !is_refused(path, &tally.refused);
            tally.stored.contains_key(path) || !(lost || is_below_file(path, &tally.stored))
        };
        let gone: Vec<Vec<u8>> = self
            .before
            .keys()
            .filter(|path| !stays(path))
            .cloned()
            .collect();
        let keys: Vec<Vec<u8>> = gone
            .iter()
            .filter_map(|path| self.layout.manifest_key(path))
            .collect();
        remove(self.store, &keys, options.threads)?;

        let gone: BTreeSet<Vec<u8>> = gone.into_iter().collect();
        let kept = self
            .before
            .iter()
            .filter(|(path, _)| !gone.contains(*path) && !tally.stored.contains_key(*path));
        let kept: Option<Vec<_>> = kept
            .map(|(path, manifest)| Some((path, manifest.as_ref()?)))
            .collect();
        // A manifest that is not understood names chunks we do not know.
        if let (Some(kept), false) = (kept, self.has_strange) {
            let named = kept.into_iter().chain(&tally.stored);
            let unnamed = unnamed(self.layout, self.chunks, named);
            remove(self.store, &unnamed, options.threads)?;
        }

        let mut summary = Summary {
            unchanged: tally.unchanged,
            removed: gone.len() as u64,
            refused: tally.refused,
            ..Summary::default()
        };
        tally
            .stored
            .values()
            .for_each(|manifest| summary.count(manifest));
        summary.refused.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(summary)
    }
}

impl Summary {
    pub(super) fn count(&mut self, manifest: &Manifest) {
        match &manifest.kind {
            Kind::Directory => self.directories += 1,
            Kind::File(content) => {
                self.files += 1;
                self.bytes += content.size;
            }
        }
    }
}

/// The chunks that no manifest names.
fn unnamed<'a>(
    layout: &Layout,
    mut chunks: BTreeSet<Vec<u8>>,
    manifests: impl Iterator<Item = (&'a Vec<u8>, &'a Manifest)>,
) -> Vec<Vec<u8>> {
    for (path, manifest) in manifests {
        let Kind::File(content) = &manifest.kind else {
            continue;
        };
        let keys = layout.chunk_keys(path, content);
        let from_stem = chunks.range(keys.stem().to_vec()..);
        let named: Vec<Vec<u8>> = from_stem
            .take_while(|key| keys.contains(key))
            .cloned()
            .collect();
        for key in &named {
            chunks.remove(key);
        }
    }
    chunks.into_iter().collect()
}

fn remove(store: &impl Kv, keys: &[Vec<u8>], threads: usize) -> Result<(), Problem> {
    let runs: Vec<&[Vec<u8>]> = keys.chunks(ACTIONS_MAX).collect();
    parallel(threads, runs.len() as u64, |index| {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        store.delete_many(runs.get(index).copied().unwrap_or_default())
    })
}

/// Whether a path, or a directory above it, was refused: it may still be there.
fn is_refused(path: &[u8], refused: &[Refused]) -> bool {
    let covers = |above: &[u8]| {
        let rest = path.strip_prefix(above);
        rest.is_some_and(|rest| rest.is_empty() || above.is_empty() || rest.starts_with(b"/"))
    };
    refused.iter().any(|refused| covers(&refused.path))
}

/// Whether something above a path is a file now.
fn is_below_file(path: &[u8], stored: &BTreeMap<Vec<u8>, Manifest>) -> bool {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let mut above = slashes.filter_map(|(at, _)| stored.get(path.get(..at)?));
    above.any(|manifest| matches!(manifest.kind, Kind::File(_)))
}

/// The manifest of a file that was read, if it is still as long as what was read.
fn described(file: &File, size: u64, digest: blake3::Hash) -> io::Result<Manifest> {
    let metadata = file.metadata()?;
    if metadata.len() != size {
        return Err(changed());
    }
    Ok(Manifest {
        mode: metadata.mode() & MODE_KEPT,
        mtime: scan::mtime(&metadata),
        kind: Kind::File(FileContent {
            size,
            chunk_bytes: CHUNK_BYTES,
            digest,
        }),
    })
}

/// Fills the buffer from the file, less at its end.
fn read_chunk<'a>(file: &File, offset: u64, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(buffer.get(..filled).unwrap_or_default())
}

fn changed() -> io::Error {
    io::Error::other("it changed while it was read; import again")
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Store(problem)
    }
}
