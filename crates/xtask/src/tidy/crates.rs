use super::Finding;
use super::source::Tree;

const DESCRIBED: &str = "the first thing a reader sees of a crate is what it is for";
const LINTED: &str =
    "the lints of the workspace hold in every crate: forbidden unsafe code first of all";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (_, file) in tree.manifests() {
        let described = file
            .text
            .lines()
            .any(|line| line.starts_with("description = \""));
        if !described {
            findings.push(Finding::new(&file.path, 1, "no description", DESCRIBED));
        }
        let linted = file.text.contains("[lints]\nworkspace = true");
        if !linted {
            findings.push(Finding::new(
                &file.path,
                1,
                "no `[lints] workspace = true`",
                LINTED,
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::source::Tree;

    #[test]
    fn a_crate_has_a_description_and_the_lints() {
        let whole = "[package]\ndescription = \"x\"\n\n[lints]\nworkspace = true\n";
        let readme = ("crates/x/README.md", "");
        assert_eq!(
            check(&Tree::of(&[("crates/x/Cargo.toml", whole), readme])),
            []
        );
        assert_eq!(
            check(&Tree::of(&[("crates/x/Cargo.toml", "[package]\n"), readme])).len(),
            2
        );
    }
}
