use super::super::manifest::{FileContent, Kind, Manifest, Mtime};
use super::*;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn put(store: &Memory, key: &str, value: Vec<u8>) {
    store.entries.lock().unwrap().insert(key.into(), value);
}

/// Puts a file of one chunk under any key.
fn put_file(store: &Memory, path: &str, content: &[u8]) {
    let file = FileContent {
        size: content.len() as u64,
        chunk_bytes: CHUNK_BYTES,
        digest: blake3::hash(content),
    };
    let keys = Layout::new(b"t/")
        .unwrap()
        .chunk_keys(path.as_bytes(), &file);
    store
        .entries
        .lock()
        .unwrap()
        .insert(keys.key(0), content.to_vec());
    let manifest = Manifest {
        mode: 0o644,
        mtime: Mtime(0, 0),
        kind: Kind::File(file),
    };
    put(store, &format!("t/m/{path}"), manifest.to_bytes());
}

fn refused(summary: &Summary) -> Vec<&str> {
    let paths = summary
        .refused
        .iter()
        .map(|it| std::str::from_utf8(&it.path));
    paths.map(Result::unwrap).collect()
}

#[test]
fn what_cannot_be_stored_is_refused_and_the_rest_stored() {
    let from = tempfile::tempdir().unwrap();
    let root = from.path();
    write(root, b"file", b"1");
    symlink("file", root.join("link")).unwrap();
    symlink("/", root.join("link to directory")).unwrap();
    symlink("nowhere", root.join("link to nothing")).unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), 0o600.into()).unwrap();
    fs::hard_link(root.join("file"), root.join("same")).unwrap();
    // Four names and slashes leave room for a last name whose key has 1024 bytes.
    let deep = [
        "n".repeat(200),
        "n".repeat(200),
        "n".repeat(200),
        "n".repeat(200),
    ]
    .join("/");
    let room = KEY_BYTES_MAX - "t/m/".len() - deep.len() - 1;
    let (fits, exceeds) = ("x".repeat(room), "x".repeat(room + 1));
    write(root, format!("{deep}/{fits}").as_bytes(), b"2");
    write(root, format!("{deep}/{exceeds}").as_bytes(), b"3");
    write(root, format!("{deep}/d{exceeds}/below").as_bytes(), b"4");
    let store = Memory::new();
    let summary = take_in(&store, root).unwrap();
    assert_eq!(
        refused(&summary),
        [
            "link",
            "link to directory",
            "link to nothing",
            &format!("{deep}/d{exceeds}"),
            &format!("{deep}/{exceeds}"),
            "pipe",
            "socket"
        ]
    );
    assert_eq!(summary.files, 3);
    let to = tempfile::tempdir().unwrap();
    let written = take_out(&store, to.path(), false).unwrap();
    assert_eq!((written.files, written.refused.len()), (3, 0));
}

#[test]
fn an_interrupted_import_shows_whole_files_only_and_goes_on() {
    let from = tempfile::tempdir().unwrap();
    write(from.path(), b"a", &bytes(1, LARGE));
    write(from.path(), b"b", &bytes(2, LARGE));
    write(from.path(), b"c", b"small");
    let mut store = Memory::new();
    for requests_max in 0.. {
        store.requests = AtomicU64::new(0);
        store.requests_max = requests_max;
        let done = take_in(&store, from.path()).is_ok();
        store.requests_max = u64::MAX;
        if !store.keys("t/m/").is_empty() {
            let to = tempfile::tempdir().unwrap();
            let summary = take_out(&store, to.path(), false).unwrap();
            assert!(summary.refused.is_empty(), "{:?}", summary.refused);
            let (was, is) = (picture(from.path()), picture(to.path()));
            assert!(
                is.iter()
                    .filter(|(path, _)| !path.is_empty())
                    .all(|(path, what)| { was.get(path) == Some(what) })
            );
        }
        if done {
            break;
        }
    }
    assert_eq!(store.keys("t/c/").len(), 7);
}

#[test]
fn a_replacement_that_is_interrupted_leaves_the_old_file() {
    let from = tempfile::tempdir().unwrap();
    write(from.path(), b"a", &bytes(1, LARGE));
    let mut store = Memory::new();
    take_in(&store, from.path()).unwrap();
    let was = picture(from.path());
    write(from.path(), b"a", &bytes(2, LARGE));
    // Two pages of manifests and chunks, and not all of the three chunks.
    store.requests = AtomicU64::new(0);
    store.requests_max = 4;
    assert!(take_in(&store, from.path()).is_err());
    store.requests_max = u64::MAX;
    let to = tempfile::tempdir().unwrap();
    take_out(&store, to.path(), false).unwrap();
    let key = &b"a"[..];
    assert!(was[key] == picture(to.path())[key]);
}

#[test]
fn damaged_files_are_refused_and_never_written() {
    let from = tempfile::tempdir().unwrap();
    for path in ["changed", "cut", "good", "missing"] {
        write(from.path(), path.as_bytes(), &bytes(path.len(), 10));
        let large = format!("large-{path}");
        write(from.path(), large.as_bytes(), &bytes(path.len(), LARGE));
    }
    let store = Memory::new();
    take_in(&store, from.path()).unwrap();
    let layout = Layout::new(b"t/").unwrap();
    let harm = |path: &str, harm: &dyn Fn(&mut Entries, Vec<u8>)| {
        let mut entries = store.entries.lock().unwrap();
        let key = layout.manifest_key(path.as_bytes()).unwrap();
        let Kind::File(content) = Manifest::from_bytes(&entries[&key]).unwrap().kind else {
            panic!()
        };
        let keys = layout.chunk_keys(path.as_bytes(), &content);
        harm(&mut entries, keys.key(keys.count - 1));
    };
    for prefix in ["", "large-"] {
        harm(&format!("{prefix}missing"), &|entries, key| {
            entries.remove(&key).unwrap();
        });
        harm(&format!("{prefix}changed"), &|entries, key| {
            entries.get_mut(&key).unwrap()[0] ^= 1;
        });
        harm(&format!("{prefix}cut"), &|entries, key| {
            entries.get_mut(&key).unwrap().pop().unwrap();
        });
    }
    let to = tempfile::tempdir().unwrap();
    let summary = take_out(&store, to.path(), false).unwrap();
    assert_eq!(
        refused(&summary),
        [
            "changed",
            "cut",
            "large-changed",
            "large-cut",
            "large-missing",
            "missing"
        ]
    );
    let written: Vec<Vec<u8>> = picture(to.path()).into_keys().collect();
    assert_eq!(written, [&b""[..], b"good", b"large-good"]);
}

#[test]
fn nothing_is_written_outside_the_directory() {
    let outer = tempfile::tempdir().unwrap();
    let (root, outside) = (outer.path().join("root"), outer.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    fs::create_dir(&root).unwrap();
    symlink(&outside, root.join("link")).unwrap();
    let store = Memory::new();
    put_file(&store, "fine", b"fine");
    let absolute = format!("{}/x", outside.display());
    for path in [
        "../outside/x",
        "a/../../outside/x",
        &absolute,
        "link/x",
        "link/deeper/x",
        "",
        ".",
    ] {
        put_file(&store, path, b"evil");
    }
    put(&store, "t/m/strange", b"{}".to_vec());
    let summary = take_out(&store, &root, true).unwrap();
    assert_eq!(summary.files, 1);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(fs::read(root.join("fine")).unwrap(), b"fine");
    assert!(summary.refused.len() >= 8, "{:?}", summary.refused);
}

#[test]
fn a_directory_that_holds_files_is_kept_unless_forced() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(from.path(), b"a", b"new");
    write(from.path(), b"d/x", b"new");
    write(to.path(), b"a", b"old");
    write(to.path(), b"d", b"a file where a directory goes");
    write(to.path(), b"other", b"other");
    let store = Memory::new();
    take_in(&store, from.path()).unwrap();
    assert!(take_out(&store, to.path(), false).is_err());
    assert_eq!(fs::read(to.path().join("a")).unwrap(), b"old");
    let summary = take_out(&store, to.path(), true).unwrap();
    assert_eq!(refused(&summary), ["d", "d/x"]);
    assert_eq!(fs::read(to.path().join("a")).unwrap(), b"new");
    assert_eq!(fs::read(to.path().join("other")).unwrap(), b"other");
}

#[test]
fn nothing_stored_is_no_tree() {
    let to = tempfile::tempdir().unwrap();
    let root = to.path().join("copy");
    assert!(take_out(&Memory::new(), &root, false).is_err());
    assert!(!root.exists());
}

#[test]
fn chunks_of_manifests_not_understood_stay() {
    let from = tempfile::tempdir().unwrap();
    write(from.path(), b"a", b"1");
    let store = Memory::new();
    put(&store, "t/c/unknown", b"chunk".to_vec());
    put(&store, "t/m/b", b"{\"kind\":\"later\"}".to_vec());
    take_in(&store, from.path()).unwrap();
    assert!(store.keys("t/c/").contains(&"t/c/unknown".into()));
    store.entries.lock().unwrap().remove(&b"t/m/b"[..]);
    take_in(&store, from.path()).unwrap();
    assert!(!store.keys("t/c/").contains(&"t/c/unknown".into()));
}
