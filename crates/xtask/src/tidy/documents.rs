use super::Finding;
use super::source::Tree;

/// The files with tables whose last column names tests.
const PROMISES: [&str; 2] = ["SPECIFICATION.md", "docs/ordering-attacks.md"];

const KEPT: &str = "a promise is worth the test that fails when it is broken";
const LINKED: &str = "a link that leads nowhere is worse than none";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let files = PROMISES.into_iter();
    let mut findings: Vec<Finding> = files.flat_map(|path| promises(tree, path)).collect();
    for file in tree
        .files()
        .iter()
        .filter(|file| file.path.ends_with(".md"))
    {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, line) in (1..).zip(file.text.lines()) {
            for source in sources(line).filter(|source| !exists(tree, source)) {
                let what = format!("names `{source}`, which does not exist");
                findings.push(Finding::new(&file.path, number, what, LINKED));
            }
            for target in links(line) {
                if !exists(tree, &resolve(folder, target)) {
                    let what = format!("links to `{target}`, which does not exist");
                    findings.push(Finding::new(&file.path, number, what, LINKED));
                }
            }
        }
    }
    findings
}

/// Every row of every table of a file names tests that exist.
fn promises(tree: &Tree, path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(file) = tree.find(path) else {
        return findings;
    };
    for (number, line) in (1..).zip(file.text.lines()) {
        let Some(cells) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            continue;
        };
        let Some(last) = cells.rsplit('|').next().map(str::trim) else {
            continue;
        };
        if last.starts_with("--") || last == "test" {
            continue;
        }
        let names: Vec<_> = last.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            findings.push(Finding::new(path, number, "names no test", KEPT));
        }
        for name in names {
            if !is_test(tree, name) {
                let what = format!("there is no test `{name}`");
                findings.push(Finding::new(path, number, what, KEPT));
            }
        }
    }
    findings
}

/// `crate::name` where a file of tests of that crate has a function of that name, or a doc test of
/// a crate, `crate::doc`.
fn is_test(tree: &Tree, name: &str) -> bool {
    let Some((krate, test)) = name.split_once("::") else {
        return false;
    };
    let functions = [format!("fn {test}("), format!("async fn {test}(")];
    let mut files = tree.rust().filter(|file| file.krate() == Some(krate));
    if test == "doc" {
        return files.any(|file| file.text.contains("//! ```\n"));
    }
    let opens = |line: &str| functions.iter().any(|function| line.starts_with(function));
    files.any(|file| file.tests().any(|line| opens(line.trim_start())))
}

/// Files named in backticks as `crate/src/file.rs` or `crate/tests/file.rs`.
fn sources(line: &str) -> impl Iterator<Item = String> {
    let named = line.split('`').skip(1).step_by(2);
    let inside = |name: &&str| name.contains("/src/") || name.contains("/tests/");
    named
        .filter(inside)
        .filter(|name| name.ends_with(".rs"))
        .map(|name| {
            let name = name.strip_prefix("crates/").unwrap_or(name);
            format!("crates/{name}")
        })
}

/// Targets of `[text](target)` that are files of ours.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?.split('#').next()?;
        (!target.is_empty() && !target.contains("://")).then_some(target)
    })
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// A text file, a folder with text files, or one of the licences.
fn exists(tree: &Tree, path: &str) -> bool {
    let folder = format!("{path}/");
    path.starts_with("LICENSE-")
        || tree
            .files()
            .iter()
            .any(|file| file.path == path || file.path.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::source::Tree;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let test = "mod tests {\n    #[test]\n    fn keeps_it() {}\n    async fn waits() {}\n}\n";
        let tree = Tree::of(&[
            (path, text),
            ("crates/x/tests/it/main.rs", test),
            ("docs/a.md", ""),
        ]);
        check(&tree)
            .into_iter()
            .map(|f| format!("{}: {}", f.line, f.what))
            .collect()
    }

    #[test]
    fn a_promise_names_a_test_that_exists() {
        let table = |cell: &str| format!("| promise | test |\n|--|--|\n| P1 | {cell} |\n");
        let of = |cell: &str| findings("SPECIFICATION.md", &table(cell));
        assert_eq!(of("`x::keeps_it` `x::waits`"), [""; 0]);
        assert_eq!(
            of("`x::keeps_it` `x::breaks_it`"),
            ["3: there is no test `x::breaks_it`"]
        );
        assert_eq!(of("`y::keeps_it`"), ["3: there is no test `y::keeps_it`"]);
        assert_eq!(of("trust me"), ["3: names no test"]);
        let rows = findings("docs/ordering-attacks.md", &table("`x::breaks_it`"));
        assert_eq!(rows, ["3: there is no test `x::breaks_it`"]);
    }

    #[test]
    fn links_lead_somewhere() {
        assert_eq!(
            findings("README.md", "[a](docs/a.md) [b](docs/) [c](#c)"),
            [""; 0]
        );
        assert_eq!(
            findings(
                "docs/b.md",
                "[a](a.md#x) [b](../crates/x) [c](https://c.org)"
            ),
            [""; 0]
        );
        assert_eq!(
            findings("docs/b.md", "[a](docs/a.md)"),
            ["1: links to `docs/a.md`, which does not exist"]
        );
    }

    #[test]
    fn sources_that_are_named_exist() {
        let good = "`x/tests/it/main.rs` and `crates/x/tests/it/main.rs`, `main.rs`";
        assert_eq!(findings("ARCHITECTURE.md", good), [""; 0]);
        assert_eq!(
            findings("ARCHITECTURE.md", "then `x/src/gone.rs`"),
            ["1: names `crates/x/src/gone.rs`, which does not exist"]
        );
    }
}
