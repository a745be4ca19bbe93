use super::Finding;
use super::source::Tree;

const DESCRIBED: &str = "the first thing a reader sees of a crate is what it is for";
const LINTED: &str =
    "the lints of the workspace hold in every crate: forbidden unsafe code first of all";

/// Crates that call foreign functions. They do nothing else, and copy the workspace's lints.
const FOREIGN: [&str; 1] = ["pairing"];

const OWN_LINTS: &str = "undocumented_unsafe_blocks = \"deny\"";

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
        let (lints, missing) = if FOREIGN.contains(&folder) {
            (OWN_LINTS, "no `undocumented_unsafe_blocks = \"deny\"`")
        } else {
            ("[lints]\nworkspace = true", "no `[lints] workspace = true`")
        };
        if !file.text.contains(lints) {
            findings.push(Finding::new(&file.path, 1, missing, LINTED));
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

    #[test]
    fn only_the_crate_of_foreign_functions_has_its_own_lints() {
        let own = "[package]\ndescription = \"x\"\n\n[lints.clippy]\n\
            undocumented_unsafe_blocks = \"deny\"\n";
        let count = |folder: &str| {
            let (manifest, readme) = (
                format!("crates/{folder}/Cargo.toml"),
                format!("crates/{folder}/README.md"),
            );
            check(&Tree::of(&[(&manifest, own), (&readme, "")])).len()
        };
        assert_eq!((count("pairing"), count("codec")), (0, 1));
    }
}
