//! From the store into a directory.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt};
use std::path::Path;
use std::sync::Mutex;

use tempfile::NamedTempFile;

use super::batch::{Cost, READ_BYTES_MAX, READERS, runs};
use super::layout::Layout;
use super::manifest::{FileContent, Kind, Manifest};
use super::parallel::parallel;
use super::progress::Progress;
use super::scan::{Refused, join};
use super::{Kv, Pair, Part, Summary, list_all};
use crate::http::Problem;

#[derive(Debug)]
pub(super) struct Options {
    /// Write into a directory that is not empty.
    pub(super) force: bool,
}

struct Wanted {
    path: Vec<u8>,
    manifest: Manifest,
    content: FileContent,
}

/// Why a file is not written: it is refused, or the store fails.
enum Trouble {
    Refused(String),
    Store(Problem),
}

struct Export<'a, K> {
    store: &'a K,
    layout: &'a Layout,
    root: &'a Path,
    progress: &'a Progress,
    summary: Mutex<Summary>,
}

/// Writes a stored tree below `root`, nothing outside it.
///
/// # Errors
/// If nothing is stored there, the directory is not empty, or the store fails; then what is
/// written is whole files.
pub(super) fn export(
    store: &impl Kv,
    layout: &Layout,
    root: &Path,
    options: &Options,
    progress: &Progress,
) -> Result<Summary, Problem> {
    is_free(root, options.force)?;
    let manifests = list_all(store, &layout.manifests(), Part::KeysAndValues)?;
    if manifests.is_empty() {
        let problem = Problem::failed("nothing-stored", "no tree is stored under this prefix");
        return Err(problem.next("maftia kv list; or another --prefix"));
    }
    let cannot =
        |error: io::Error| Problem::failed("directory", format!("{}: {error}", root.display()));
    fs::create_dir_all(root).map_err(cannot)?;
    let export = Export {
        store,
        layout,
        root,
        progress,
        summary: Mutex::new(Summary::default()),
    };
    let (directories, files) = export.sort(manifests);
    let (small, large): (Vec<Wanted>, Vec<Wanted>) = files
        .into_iter()
        .partition(|file| file.content.chunks() <= 1);
    let small = runs(small, READ_BYTES_MAX, |file| Cost {
        actions: 1,
        // Key and history of the chunk are less than the rest.
        bytes: file
            .content
            .chunk_len(0)
            .saturating_add(super::super::api::KEY_BYTES_MAX),
    });
    parallel(READERS, small.len() as u64, |index| {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        export.write_small(small.get(index).map_or(&[], Vec::as_slice))
    })?;
    for file in &large {
        let written = export.write_large(file);
        export.account(file, written)?;
    }
    Ok(export.finish(&directories))
}

/// # Errors
/// If the directory holds anything, unless that is wanted.
fn is_free(root: &Path, force: bool) -> Result<(), Problem> {
    let refuse = |why: String| {
        Err(Problem::failed(
            "directory",
            format!("{} {why}", root.display()),
        ))
    };
    let holds_any = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return refuse(format!("cannot be read: {error}")),
        Ok(mut entries) => entries.next().is_some(),
    };
    if holds_any && !force {
        let text = format!("{} is not empty", root.display());
        return Err(Problem::failed("not-empty", text)
            .next("name another directory, or give --force to replace files in it"));
    }
    Ok(())
}

impl<K: Kv> Export<'_, K> {
    /// Makes the directories; gives them and the files that have one.
    fn sort(&self, manifests: Vec<Pair>) -> (Vec<(Vec<u8>, Manifest)>, Vec<Wanted>) {
        let (mut directories, mut files) = (Vec::new(), Vec::new());
        for (key, value) in manifests {
            let Some(path) = self.layout.path(&key) else {
                self.refuse(&key, "its key is not a path below the directory");
                continue;
            };
            let manifest = match Manifest::from_bytes(&value) {
                Ok(manifest) => manifest,
                Err(why) => {
                    self.refuse(&path, why);
                    continue;
                }
            };
            match manifest.kind.clone() {
                Kind::Directory => directories.push((path, manifest)),
                Kind::File(content) => files.push(Wanted {
                    path,
                    manifest,
                    content,
                }),
            }
        }
        // Those above come before those below.
        directories.sort_by(|a, b| a.0.cmp(&b.0));
        directories.retain(|(path, _)| self.has(path, self.make(path)));
        files.retain(|file| {
            let made = match parent(&file.path) {
                Some(parent) => self.make(parent),
                None => Err("a file cannot be the directory itself".into()),
            };
            self.has(&file.path, made)
        });
        (directories, files)
    }

    /// Whether a path has its directory; it is refused otherwise.
    fn has(&self, path: &[u8], made: Result<(), String>) -> bool {
        match made {
            Ok(()) => true,
            Err(why) => {
                self.refuse(path, why);
                false
            }
        }
    }

    /// Makes a directory and those above it, following no link.
    fn make(&self, path: &[u8]) -> Result<(), String> {
        let Some(above) = parent(path) else {
            return Ok(());
        };
        self.make(above)?;
        let place = join(self.root, path);
        // Its own mode comes last: it may forbid writing.
        match fs::DirBuilder::new().mode(0o700).create(&place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map_err(|error| error.to_string()),
        }
        match fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Ok(_) => Err("there is something else in the place of a directory".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn write_small(&self, run: &[Wanted]) -> Result<(), Problem> {
        let filled = |file: &&Wanted| file.content.size > 0;
        let key = |file: &Wanted| self.layout.chunk_keys(&file.path, &file.content).key(0);
        let keys: Vec<Vec<u8>> = run.iter().filter(filled).map(key).collect();
        let mut chunks = if keys.is_empty() {
            Vec::new().into_iter()
        } else {
            self.store.get_many(&keys)?.into_iter()
        };
        for file in run {
            let chunk = if filled(&file) {
                chunks.next().flatten()
            } else {
                Some(Vec::new())
            };
            self.account(file, self.write_whole(file, chunk))?;
        }
        Ok(())
    }

    fn write_whole(&self, file: &Wanted, content: Option<Vec<u8>>) -> Result<(), Trouble> {
        let Some(content) = content else {
            return Err(missing());
        };
        let has_size = content.len() as u64 == file.content.size;
        if !has_size || blake3::hash(&content) != file.content.digest {
            return Err(damaged());
        }
        let mut temporary = self.temporary(file)?;
        temporary.write_all(&content)?;
        self.show(temporary, file)
    }

    fn write_large(&self, file: &Wanted) -> Result<(), Trouble> {
        let content = &file.content;
        let keys = self.layout.chunk_keys(&file.path, content);
        let mut temporary = self.temporary(file)?;
        let target: &File = temporary.as_file();
        parallel(READERS, keys.count, |index| {
            let chunk = self.store.get_many(&[keys.key(index)])?.pop().flatten();
            let chunk = chunk.ok_or_else(missing)?;
            if chunk.len() != content.chunk_len(index) {
                return Err(damaged());
            }
            target.write_all_at(&chunk, content.offset(index))?;
            self.progress.add(0, chunk.len() as u64);
            Ok::<(), Trouble>(())
        })?;
        // What is read back is what was written.
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; content.chunk_len(0)];
        temporary.rewind()?;
        loop {
            let count = temporary.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
        if hasher.finalize() != content.digest {
            return Err(damaged());
        }
        self.show(temporary, file)
    }

    /// A file under another name beside the one it will be.
    fn temporary(&self, file: &Wanted) -> io::Result<NamedTempFile> {
        let place = join(self.root, parent(&file.path).unwrap_or_default());
        tempfile::Builder::new()
            .prefix(".maftia-export-")
            .tempfile_in(place)
    }

    /// Gives a complete file its mode, time and name.
    fn show(&self, temporary: NamedTempFile, file: &Wanted) -> Result<(), Trouble> {
        let place = join(self.root, &file.path);
        let mode = Permissions::from_mode(file.manifest.mode);
        temporary.as_file().set_permissions(mode)?;
        if let Some(mtime) = file.manifest.mtime.system_time() {
            temporary.as_file().set_modified(mtime)?;
        }
        temporary.persist(&place).map_err(|error| error.error)?;
        Ok(())
    }

    /// # Errors
    /// If the store fails: nothing more can be written.
    fn account(&self, file: &Wanted, written: Result<(), Trouble>) -> Result<(), Problem> {
        match written {
            Ok(()) => {
                let shown = file.content.chunks() > 1;
                self.progress
                    .add(1, if shown { 0 } else { file.content.size });
                let mut summary = self.summary.lock().expect("nobody panics with the summary");
                summary.count(&file.manifest);
                Ok(())
            }
            Err(Trouble::Refused(why)) => {
                self.refuse(&file.path, why);
                Ok(())
            }
            Err(Trouble::Store(problem)) => Err(problem),
        }
    }

    fn refuse(&self, path: &[u8], why: impl Into<String>) {
        let mut summary = self.summary.lock().expect("nobody panics with the summary");
        summary.refused.push(Refused::new(path, why));
    }

    /// Gives the directories their modes and times, those below first: writing into one changes
    /// its time.
    fn finish(self, directories: &[(Vec<u8>, Manifest)]) -> Summary {
        for (path, manifest) in directories.iter().rev() {
            match seal(&join(self.root, path), manifest) {
                Ok(()) => {
                    let mut summary = self.summary.lock().expect("nobody panics with the summary");
                    summary.count(manifest);
                }
                Err(error) => self.refuse(path, format!("its mode or time is not set: {error}")),
            }
        }
        let mut summary = self
            .summary
            .into_inner()
            .expect("nobody panics with the summary");
        summary.refused.sort_by(|a, b| a.path.cmp(&b.path));
        summary
    }
}

fn seal(place: &Path, manifest: &Manifest) -> io::Result<()> {
    let directory = File::open(place)?;
    if let Some(mtime) = manifest.mtime.system_time() {
        directory.set_modified(mtime)?;
    }
    directory.set_permissions(Permissions::from_mode(manifest.mode))
}

/// The directory that a path is in; none for the root.
fn parent(path: &[u8]) -> Option<&[u8]> {
    if path.is_empty() {
        return None;
    }
    let slash = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    path.get(..slash)
}

fn missing() -> Trouble {
    Trouble::Refused("a part of it is missing; was it replaced meanwhile? export again".into())
}

fn damaged() -> Trouble {
    Trouble::Refused("its content is not what its manifest says; import it again".into())
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
