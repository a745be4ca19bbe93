use super::Finding;
use super::layers::is_pure;
use super::source::Tree;

/// What a pure crate may not name in code that ships, and what to use instead.
const FORBIDDEN: [(&str, &str); 12] = [
    ("tokio", "a driver feeds events and performs steps"),
    ("std::thread", "a driver owns the threads"),
    (
        "std::fs",
        "records and snapshots are outputs; a driver stores them",
    ),
    ("std::net", "messages are outputs; a driver sends them"),
    ("std::process", "a driver owns the process"),
    ("std::env", "settings are arguments"),
    ("Instant", "time is an argument (maftia_types::Time)"),
    ("SystemTime", "time is an argument (maftia_types::Time)"),
    (
        "OsRng",
        "randomness is a seeded generator handed over at construction",
    ),
    (
        "getrandom",
        "randomness is a seeded generator handed over at construction",
    ),
    ("HashMap", "its order differs from run to run: BTreeMap"),
    ("HashSet", "its order differs from run to run: BTreeSet"),
];

/// Packages that exist to do I/O.
const DRIVERS: [&str; 9] = [
    "axum",
    "getrandom",
    "rustix",
    "rustls",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-rustls",
    "ureq",
];

/// Uses that are right all the same, with their reason.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

const WHY: &str = "pure crates are deterministic, so that one seed replays one run and every site \
    computes the same";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pure = |krate: Option<&str>| krate.is_some_and(is_pure);
    for file in tree.rust().filter(|file| pure(file.krate())) {
        for (number, line) in file.code() {
            let excused = |name| EXCEPTIONS.iter().any(|e| e.0 == file.path && e.1 == name);
            for (name, instead) in FORBIDDEN {
                if has_word(line, name) && !excused(name) {
                    let what = format!("`{name}` in a pure crate: {instead}");
                    findings.push(Finding::new(&file.path, number, what, WHY));
                }
            }
        }
    }
    for (_, file) in tree.manifests().filter(|(folder, _)| is_pure(folder)) {
        let mut section = "";
        for (number, line) in (1..).zip(file.text.lines()) {
            if line.starts_with('[') {
                section = line;
            }
            let package = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if section == "[dependencies]" && DRIVERS.contains(&package) {
                let what = format!("`{package}` under a pure crate");
                findings.push(Finding::new(&file.path, number, what, WHY));
            }
        }
    }
    let clippy = |folder: &str| tree.find(&format!("crates/{folder}/clippy.toml"));
    for file in tree
        .manifests()
        .filter(|(folder, _)| is_pure(folder))
        .filter_map(|m| clippy(m.0))
    {
        let what = "a pure crate keeps the strict clippy.toml of the root";
        findings.push(Finding::new(&file.path, 1, what, WHY));
    }
    findings
}

/// Whether `name` stands in `line` as a whole word.
pub(super) fn has_word(line: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + name.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::source::Tree;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn every_forbidden_name_is_found() {
        for (name, _) in super::FORBIDDEN {
            let line = format!("    let x = {name}::new();\n");
            assert_eq!(count("crates/ordering/src/a.rs", &line), 1, "{name}");
            assert_eq!(
                count("crates/site/src/a.rs", &line),
                0,
                "{name} in a driver"
            );
        }
    }

    #[test]
    fn comments_tests_and_longer_words_are_free() {
        let text =
            "// Instant\nstruct Instantaneous;\n#[cfg(test)]\nmod tests {\n use std::fs;\n}\n";
        assert_eq!(count("crates/ordering/src/a.rs", text), 0);
        assert_eq!(count("crates/ordering/tests/it/a.rs", "use std::fs;\n"), 0);
    }

    #[test]
    fn packages_that_do_io_are_for_tests_of_pure_crates_at_most() {
        let path = "crates/ordering/Cargo.toml";
        assert_eq!(count(path, "[dependencies]\ntokio.workspace = true\n"), 1);
        assert_eq!(
            count(path, "[dependencies]\ntokio = { workspace = true }\n"),
            1
        );
        assert_eq!(
            count(path, "[dev-dependencies]\ntempfile.workspace = true\n"),
            0
        );
    }

    #[test]
    fn a_pure_crate_has_no_looser_lints() {
        let files = [
            ("crates/codec/Cargo.toml", ""),
            ("crates/codec/clippy.toml", ""),
        ];
        assert_eq!(check(&Tree::of(&files)).len(), 1);
    }
}
