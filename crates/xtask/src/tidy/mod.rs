//! The rules of this house that a compiler does not know.
//!
//! Each rule is a module with a function from the sources to findings, its data as a table at the
//! top, and tests that plant a violation. A table of exceptions is a ratchet: an entry that is no
//! longer needed is itself a finding, so that the tables only shrink.

use std::path::Path;

mod crates;
mod documents;
mod fast_path;
mod headers;
mod layers;
mod length;
mod misbehaviour;
mod purity;
mod source;
mod words;

use source::Tree;

/// One violation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    path: String,
    /// From 1.
    line: usize,
    what: String,
    /// Why the rule exists.
    why: &'static str,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>, why: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
            why,
        }
    }
}

/// Checks every rule and prints the findings. True if there are none.
pub(crate) fn run(root: &Path) -> bool {
    let tree = match Tree::read(root) {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("cannot read the sources: {error}");
            return false;
        }
    };
    let findings = check(&tree);
    for Finding {
        path,
        line,
        what,
        why,
    } in &findings
    {
        println!("{path}:{line}: {what}\n    {why}");
    }
    findings.is_empty()
}

fn check(tree: &Tree) -> Vec<Finding> {
    let rules = [
        crates::check,
        documents::check,
        fast_path::check,
        headers::check,
        layers::check,
        length::check,
        misbehaviour::check,
        purity::check,
        words::check,
    ];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn the_workspace_is_tidy() {
        let tree = Tree::read(&crate::root()).expect("the sources are readable");
        assert!(tree.files().len() > 100, "the walk found the sources");
        let findings = check(&tree);
        let list: Vec<_> = findings
            .iter()
            .map(|f| format!("{}:{}: {}\n    {}", f.path, f.line, f.what, f.why))
            .collect();
        assert!(
            findings.is_empty(),
            "run `cargo xtask tidy`:\n{}",
            list.join("\n")
        );
    }
}
