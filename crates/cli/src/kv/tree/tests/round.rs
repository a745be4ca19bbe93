use super::*;

/// Everything that can be stored.
fn plant(root: &Path) {
    write(root, b"empty", b"");
    write(root, b"small", b"hello");
    write(root, b"one chunk", &bytes(1, CHUNK_BYTES as usize));
    write(root, b"one more", &bytes(2, CHUNK_BYTES as usize + 1));
    write(root, b"deep/er/large", &bytes(3, LARGE));
    write(root, b"odd \xff\n%41 \xc3\xbc", b"odd name");
    write(root, b"deep-er/x", b"sorts between deep and deep/er");
    fs::create_dir_all(root.join("nothing/in/here")).unwrap();
    for index in 0..ACTIONS_MAX {
        write(
            root,
            format!("many/{index}").as_bytes(),
            &bytes(4, index * 100),
        );
    }
    let mode = |path: &str, mode| {
        fs::set_permissions(root.join(path), Permissions::from_mode(mode)).unwrap();
    };
    mode("small", 0o4751);
    mode("empty", 0o400);
    mode("nothing", 0o750);
    let old = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    for path in ["small", "nothing/in", "many"] {
        File::open(root.join(path))
            .unwrap()
            .set_modified(old)
            .unwrap();
    }
    mode("nothing/in", 0o555);
}

#[test]
fn a_tree_comes_back_as_it_was() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    plant(from.path());
    let store = Memory::new();
    let stored = take_in(&store, from.path()).unwrap();
    assert!(stored.refused.is_empty(), "{:?}", stored.refused);
    let written = take_out(&store, &to.path().join("new/copy"), false).unwrap();
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    assert_eq!((written.files, written.bytes), (stored.files, stored.bytes));
    assert_eq!(stored.files, 7 + ACTIONS_MAX as u64);
    assert_eq!(stored.directories, written.directories);

    // What would give a file powers is not kept.
    fs::set_permissions(from.path().join("small"), Permissions::from_mode(0o751)).unwrap();
    let (was, is) = (picture(from.path()), picture(&to.path().join("new/copy")));
    assert_eq!(
        was.keys().collect::<Vec<_>>(),
        is.keys().collect::<Vec<_>>()
    );
    for (path, what) in &was {
        assert!(what == &is[path], "{}", String::from_utf8_lossy(path));
    }
}

#[test]
fn an_empty_directory_is_a_tree() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Memory::new();
    assert_eq!(take_in(&store, from.path()).unwrap().directories, 1);
    assert_eq!(take_out(&store, to.path(), false).unwrap().directories, 1);
    assert_eq!(picture(from.path()), picture(to.path()));
}

#[test]
fn small_files_share_requests() {
    let from = tempfile::tempdir().unwrap();
    for index in 0..1000 {
        write(
            from.path(),
            format!("{index}").as_bytes(),
            &bytes(index, 1000),
        );
    }
    let store = Memory::new();
    take_in(&store, from.path()).unwrap();
    // Two listings, and puts of chunk and manifest of each file and the root.
    let puts = 2001u64.div_ceil(ACTIONS_MAX as u64);
    assert_eq!(store.requests.load(Ordering::Relaxed), 2 + puts);
}

#[test]
fn an_unchanged_tree_is_not_stored_again() {
    let from = tempfile::tempdir().unwrap();
    plant(from.path());
    let mut store = Memory::new();
    let first = take_in(&store, from.path()).unwrap();
    assert_eq!(first.unchanged, 0);
    // As many requests as it takes to list what is there.
    let pages = store.keys("t/m/").len().div_ceil(3) + store.keys("t/c/").len().div_ceil(3);
    store.requests_max = pages as u64;
    store.requests = AtomicU64::new(0);
    let second = take_in(&store, from.path()).unwrap();
    assert_eq!(second.unchanged, first.files);
    assert_eq!((second.files, second.bytes), (first.files, first.bytes));
}

#[test]
fn a_changed_file_leaves_no_chunk_behind() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(from.path(), b"a", &bytes(1, LARGE));
    write(from.path(), b"b", b"stays");
    let store = Memory::new();
    take_in(&store, from.path()).unwrap();
    assert_eq!(store.keys("t/c/").len(), 4);
    write(from.path(), b"a", b"short");
    take_in(&store, from.path()).unwrap();
    assert_eq!(store.keys("t/c/").len(), 2);
    take_out(&store, to.path(), false).unwrap();
    assert_eq!(picture(from.path()), picture(to.path()));
}

#[test]
fn a_file_in_the_place_of_a_directory_replaces_what_was_in_it() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(from.path(), b"a/b/c", b"1");
    write(from.path(), b"a-b", b"2");
    let store = Memory::new();
    take_in(&store, from.path()).unwrap();
    fs::remove_dir_all(from.path().join("a")).unwrap();
    write(from.path(), b"a", b"3");
    assert_eq!(take_in(&store, from.path()).unwrap().removed, 2);
    let summary = take_out(&store, to.path(), false).unwrap();
    assert!(summary.refused.is_empty(), "{:?}", summary.refused);
    assert_eq!(picture(from.path()), picture(to.path()));
}

#[test]
fn what_is_gone_is_removed_only_if_wanted() {
    let from = tempfile::tempdir().unwrap();
    write(from.path(), b"gone/a", b"1");
    write(from.path(), b"link/b", b"2");
    write(from.path(), b"stays", b"3");
    let store = Memory::new();
    take_in(&store, from.path()).unwrap();
    fs::remove_dir_all(from.path().join("gone")).unwrap();
    fs::remove_dir_all(from.path().join("link")).unwrap();
    symlink("stays", from.path().join("link")).unwrap();
    assert_eq!(take_in(&store, from.path()).unwrap().removed, 0);
    assert_eq!(store.keys("t/m/").len(), 6);
    // What is refused may still be there, so what is stored of it stays.
    assert_eq!(take_in_exactly(&store, from.path()).unwrap().removed, 2);
    assert_eq!(
        store.keys("t/m/"),
        ["t/m/", "t/m/link", "t/m/link/b", "t/m/stays"]
    );
    assert_eq!(store.keys("t/c/").len(), 2);
}

#[test]
fn other_prefixes_are_left_alone() {
    let from = tempfile::tempdir().unwrap();
    write(from.path(), b"a", b"1");
    let store = Memory::new();
    let others = ["t", "t/", "t/c", "t/m", "t/n/x", "t0/c/x", "s/m/a"];
    for key in others {
        store
            .entries
            .lock()
            .unwrap()
            .insert(key.into(), b"other".to_vec());
    }
    take_in_exactly(&store, from.path()).unwrap();
    let keys = store.keys("");
    assert!(others.iter().all(|key| keys.iter().any(|is| is == key)));
}
