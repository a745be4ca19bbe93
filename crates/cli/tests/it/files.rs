//! A directory tree survives what the group survives.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rand::{Rng, RngExt};

use crate::harness::{Group, alone, last_json, slow, text};

/// Path, mode, and content of a file.
type Tree = BTreeMap<PathBuf, (u32, Option<Vec<u8>>)>;

/// Everything below a folder, links left out.
fn tree_of(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_symlink() {
                continue;
            }
            let content = metadata.is_file().then(|| fs::read(&path).unwrap());
            let name = path.strip_prefix(root).unwrap().to_owned();
            tree.insert(name, (metadata.permissions().mode() & 0o7777, content));
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    tree
}

/// Makes a tree of files with `bytes` in all, besides those that are peculiar.
fn make(root: &Path, files: usize, bytes: usize) {
    let mut random = rand::rng();
    for index in 0..files {
        let folder = root.join(format!("d{}/e{}", index % 17, index % 5));
        fs::create_dir_all(&folder).unwrap();
        // Between nothing and twice the mean.
        let mut content = vec![0; random.random_range(0..=2 * bytes / files)];
        random.fill_bytes(&mut content);
        let path = folder.join(format!("file-{index}"));
        fs::write(&path, content).unwrap();
        let mode = [0o644, 0o600, 0o755, 0o444][index % 4];
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
    for name in [
        &b"empty"[..],
        b" spaces and\ttab ",
        b"percent%2Fplus+",
        "uml\u{e4}ut \u{1f600}".as_bytes(),
        b"new\nline",
        b"not \xff utf-8",
        b"-rf",
        b".hidden",
        b"back\\slash",
        &[b'n'; 200],
    ] {
        fs::write(root.join(OsStr::from_bytes(name)), name).unwrap();
    }
    File::create(root.join("nothing")).unwrap();
    for (size, name) in [
        (3_000_000, "large"),
        (1 << 20, "mebibyte"),
        ((1 << 20) + 1, "more"),
    ] {
        let mut content = vec![0; size];
        random.fill_bytes(&mut content);
        fs::write(root.join(name), content).unwrap();
    }
    fs::create_dir_all(root.join("hollow/inner")).unwrap();
    fs::set_permissions(root.join("hollow"), Permissions::from_mode(0o700)).unwrap();
    symlink("large", root.join("link")).unwrap();
}

fn assert_alike(expected: &Tree, found: &Tree) {
    let paths = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(found), paths(expected));
    for (path, (mode, content)) in expected {
        let (found_mode, found_content) = &found[path];
        assert_eq!(
            found_mode,
            mode,
            "mode of {}: {found_mode:o}",
            path.display()
        );
        assert!(found_content == content, "content of {}", path.display());
    }
}

fn import_kill_export(files: usize, bytes: usize) {
    let dir = tempfile::tempdir().unwrap();
    let (source, copy) = (dir.path().join("source"), dir.path().join("copy"));
    fs::create_dir(&source).unwrap();
    make(&source, files, bytes);
    let expected = tree_of(&source);
    let home = dir.path().join("dev");
    let group = Group::dev(&home);
    let imported = group.kv(&["import", source.to_str().unwrap(), "--json"]);
    // One thing is refused and everything else is stored.
    assert_eq!(imported.status.code(), Some(1), "{imported:?}");
    let summary = last_json(&imported).to_string() + &text(&imported.stderr);
    assert!(summary.contains("link"), "{summary}");
    group.kill_all();
    let group = Group::dev(&home);
    let exported = group.kv(&["export", copy.to_str().unwrap(), "--json"]);
    let status = group.status();
    assert_eq!(exported.status.code(), Some(0), "{exported:?}; {status:#}");
    assert_alike(&expected, &tree_of(&copy));
    let status = group.settled();
    assert_eq!(status["remaining_tolerance"], 1, "{status:#}");
}

#[test]
fn import_then_kill_everything_then_export_is_identical() {
    let _alone = alone();
    import_kill_export(300, 2_000_000);
}

#[test]
fn fifty_megabytes_imported_killed_and_exported_are_identical_slow() {
    if !slow() {
        return println!("skipped: set MAFTIA_SLOW=1");
    }
    let _alone = alone();
    import_kill_export(2_500, 55_000_000);
}
