use super::Finding;
use super::source::Tree;

const DESCRIBED: &str = "the first thing a reader sees of a crate is what it is for";
const LINTED: &str =
    "the lints of the workspace hold in every crate: forbidden unsafe code first of all";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, file) in tree.manifests() {
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
        let readme = format!("crates/{folder}/README.md");
        if tree.find(&readme).is_none() {
            let what = "is missing: one sentence, its place among the crates, an example";
            findings.push(Finding::new(&readme, 1, what, DESCRIBED));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::source::Tree;

    #[test]
    fn a_crate_has_a_description_the_lints_and_a_readme() {
        let whole = "[package]\ndescription = \"x\"\n\n[lints]\nworkspace = true\n";
        let (whole, bare) = (("crates/x/Cargo.toml", whole), ("crates/x/Cargo.toml", ""));
        let readme = ("crates/x/README.md", "");
        assert_eq!(check(&Tree::of(&[whole, readme])), []);
        assert_eq!(check(&Tree::of(&[whole])).len(), 1);
        assert_eq!(check(&Tree::of(&[bare, readme])).len(), 2);
    }
}
