use std::fs;
use std::io;
use std::path::Path;

/// Folders that hold no sources.
const SKIPPED: [&str; 4] = [".git", "target", "corpus", "artifacts"];

/// What is text and written by us. `Cargo.lock` is not.
const ENDINGS: [&str; 6] = [".rs", ".toml", ".md", ".txt", ".sh", ".ci/run"];

/// One file of the workspace.
pub(super) struct File {
    /// From the root, with slashes.
    pub(super) path: String,
    pub(super) text: String,
}

/// Every text file of the workspace, in order of path.
pub(super) struct Tree {
    files: Vec<File>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        walk(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }

    pub(super) fn files(&self) -> &[File] {
        &self.files
    }

    pub(super) fn find(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// `Cargo.toml` of each crate under `crates/`, with the crate's folder.
    pub(super) fn manifests(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().filter_map(|file| {
            let folder = file
                .path
                .strip_prefix("crates/")?
                .strip_suffix("/Cargo.toml")?;
            Some((folder, file))
        })
    }
}

impl File {
    /// The folder under `crates/` it belongs to.
    pub(super) fn krate(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Only compiled for tests, benches or examples, as a whole.
    pub(super) fn is_test(&self) -> bool {
        let in_folder = |folder: &str| self.path.contains(&format!("/{folder}/"));
        self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
            || in_folder("tests")
            || in_folder("benches")
            || in_folder("examples")
    }

    /// Where its inline test module starts; tests come last in a file.
    fn tests_start(&self) -> usize {
        let mut lines = self.text.lines().enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            let inline = |next: &&str| next.trim_start().starts_with("mod ") && next.ends_with('{');
            let next = lines.peek().map(|&(_, next)| next);
            if line.starts_with("#[cfg(test)]") && next.as_ref().is_some_and(inline) {
                return number;
            }
        }
        self.text.lines().count()
    }

    /// The lines that ship, numbered from 1.
    pub(super) fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = if self.is_test() {
            0
        } else {
            self.tests_start()
        };
        (1..).zip(self.text.lines()).take(end)
    }

    /// The lines that ship and are code, numbered from 1.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.product()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The lines that are only compiled for tests.
    pub(super) fn tests(&self) -> impl Iterator<Item = &str> {
        let start = if self.is_test() {
            0
        } else {
            self.tests_start()
        };
        self.text.lines().skip(start)
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && ENDINGS.iter().any(|ending| path.ends_with(ending)) {
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
            files.push(File { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{File, Tree};

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn inline_tests_do_not_ship() {
        let text = "//! Doc\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        let file = file("crates/x/src/a.rs", text);
        assert_eq!(file.product().count(), 2);
        assert_eq!(file.code().collect::<Vec<_>>(), [(2, "fn a() {}")]);
        assert_eq!(file.tests().count(), 4);
    }

    #[test]
    fn a_module_of_tests_elsewhere_does_not_end_the_file() {
        let file = file("crates/x/src/a.rs", "#[cfg(test)]\nmod tests;\nfn a() {}\n");
        assert_eq!(file.product().count(), 3);
    }

    #[test]
    fn whole_files_of_tests_are_known_by_their_place() {
        for path in [
            "crates/x/src/tests.rs",
            "crates/x/tests/it/main.rs",
            "crates/x/src/kv/tests/a.rs",
        ] {
            assert!(file(path, "").is_test(), "{path}");
        }
        assert!(!file("crates/x/src/attests.rs", "").is_test());
    }

    #[test]
    fn a_crate_is_known_by_its_folder() {
        let tree = Tree::of(&[
            ("Cargo.toml", ""),
            ("crates/x/Cargo.toml", ""),
            ("fuzz/Cargo.toml", ""),
        ]);
        let folders: Vec<_> = tree.manifests().map(|(folder, _)| folder).collect();
        assert_eq!(folders, ["x"]);
        assert_eq!(file("crates/x/src/lib.rs", "").krate(), Some("x"));
        assert_eq!(file("fuzz/src/lib.rs", "").krate(), None);
    }
}
