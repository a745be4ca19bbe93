use super::Finding;
use super::source::Tree;

/// A crate, and whether it is pure: no clock, thread, disk, socket or randomness of its own.
pub(super) struct Layer {
    pub(super) folder: &'static str,
    pub(super) pure: bool,
}

const fn pure(folder: &'static str) -> Layer {
    Layer { folder, pure: true }
}

const fn drives(folder: &'static str) -> Layer {
    Layer {
        folder,
        pure: false,
    }
}

/// The map of the house: a crate uses only crates above it, in its tests too.
pub(super) const LAYERS: [Layer; 27] = [
    pure("types"),
    pure("codec"),
    pure("crypto"),
    pure("pairing"),
    pure("verify"),
    pure("threshold"),
    pure("protocol"),
    pure("simulator"),
    pure("agreement"),
    pure("channels"),
    drives("storage"),
    drives("multipoint"),
    pure("activity"),
    pure("ordering"),
    pure("models"),
    pure("membership"),
    pure("replica"),
    pure("adversary"),
    drives("config"),
    drives("backup"),
    drives("client"),
    drives("agent"),
    drives("verifier"),
    drives("site"),
    drives("cli"),
    drives("decoders"),
    drives("xtask"),
];

const ORDER: &str = "crates form layers, each over those before it: that is what keeps one readable, \
    testable and replaceable without the rest (crates/xtask/src/tidy/layers.rs)";
const PURE_OVER_DRIVER: &str = "a pure crate over one that does I/O is not pure: it could not be \
    simulated or replayed";
const DANGER: &str = "features named danger-* weaken the product for tests; a product that has one \
    switched on is not the product";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, file) in tree.manifests() {
        let Some(own) = place(folder) else {
            let what = format!("crate `{folder}` has no place in the layers");
            findings.push(Finding::new(&file.path, 1, what, ORDER));
            continue;
        };
        let mut section = "";
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            }
            if !section.ends_with("dependencies") {
                continue;
            }
            if line.contains("\"danger-") && section != "dev-dependencies" {
                findings.push(Finding::new(&file.path, number, line, DANGER));
            }
            let Some(used) = dependency(line) else {
                continue;
            };
            let what = format!("`{folder}` uses `{used}`");
            let below = place(used);
            if below.is_none_or(|below| below >= own) {
                findings.push(Finding::new(&file.path, number, what, ORDER));
            } else if is_pure(folder) && !is_pure(used) {
                findings.push(Finding::new(&file.path, number, what, PURE_OVER_DRIVER));
            }
        }
    }
    findings
}

pub(super) fn is_pure(folder: &str) -> bool {
    LAYERS
        .iter()
        .any(|layer| layer.folder == folder && layer.pure)
}

fn place(folder: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.folder == folder)
}

/// The folder of the workspace's crate that a line of a manifest depends on.
fn dependency(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("maftia-")?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-')?;
    rest.get(..end)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::source::Tree;

    fn findings(folder: &str, manifest: &str) -> Vec<String> {
        let tree = Tree::of(&[(&format!("crates/{folder}/Cargo.toml"), manifest)]);
        check(&tree)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.line, finding.what))
            .collect()
    }

    #[test]
    fn a_crate_may_use_those_above_it() {
        assert_eq!(
            findings("site", "[dependencies]\nmaftia-types.workspace = true\n"),
            [""; 0]
        );
    }

    #[test]
    fn a_crate_may_not_use_those_below_it_nor_in_tests() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let manifest = format!("[{section}]\nmaftia-replica = {{ workspace = true }}\n");
            assert_eq!(
                findings("ordering", &manifest),
                ["2: `ordering` uses `replica`"]
            );
        }
    }

    #[test]
    fn a_pure_crate_may_not_use_a_driver() {
        let manifest = "[dependencies]\nmaftia-storage.workspace = true\n";
        assert_eq!(
            findings("replica", manifest),
            ["2: `replica` uses `storage`"]
        );
        assert_eq!(findings("site", manifest), [""; 0]);
    }

    #[test]
    fn a_crate_needs_a_place() {
        assert_eq!(
            findings("utils", ""),
            ["1: crate `utils` has no place in the layers"]
        );
    }

    #[test]
    fn danger_is_for_tests() {
        let line = "maftia-crypto = { workspace = true, features = [\"danger-mock-signatures\"] }";
        assert_eq!(
            findings("site", &format!("[dev-dependencies]\n{line}")),
            [""; 0]
        );
        assert_eq!(
            findings("site", &format!("[dependencies]\n{line}")),
            [format!("2: {line}")]
        );
    }
}
