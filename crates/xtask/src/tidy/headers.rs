use super::Finding;
use super::source::Tree;

/// What the header of a crate must tell, as `# Section` lines in `lib.rs`, in this order.
const SECTIONS: [(&str, &[&str]); 10] = [
    (
        "agreement",
        &["Guarantees", "Model", "Bounds", "Duties of the caller"],
    ),
    ("codec", &["Guarantees"]),
    ("config", &["Guarantees"]),
    ("crypto", &["Guarantees"]),
    ("multipoint", &["Guarantees", "Bounds"]),
    ("ordering", PROTOCOL),
    ("pairing", &["Guarantees"]),
    ("replica", PROTOCOL),
    (
        "storage",
        &[
            "Guarantees",
            "Model",
            "Intuition",
            "Bounds",
            "Duties of the caller",
            "Example",
        ],
    ),
    (
        "threshold",
        &["Guarantees", "Model", "Duties of the caller", "Bounds"],
    ),
];

/// What the header of a protocol must tell.
const PROTOCOL: &[&str] = &[
    "Guarantees",
    "Model",
    "Intuition",
    "Messages",
    "Rules",
    "Bounds",
    "Deviations",
    "Complexity",
    "Duties of the caller",
];

const WHY: &str = "a reader must learn what a crate promises, under which assumptions and within \
    which bounds, before reading how";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, &SECTIONS)
}

fn check_with(tree: &Tree, sections: &[(&str, &[&str])]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, _) in tree.manifests() {
        let path = format!("crates/{folder}/src/lib.rs");
        let Some(file) = tree.find(&path) else {
            continue;
        };
        let header = || file.text.lines().take_while(|line| line.starts_with("//!"));
        if header().next().is_none() {
            findings.push(Finding::new(&path, 1, "no header", WHY));
        }
        let wanted = sections
            .iter()
            .find(|(name, _)| *name == folder)
            .map(|(_, sections)| *sections);
        let mut found = header().filter_map(|line| line.strip_prefix("//! # "));
        for section in wanted.unwrap_or_default() {
            if !found.any(|name| name == *section) {
                let what = format!("no section `# {section}`, or not in its place");
                findings.push(Finding::new(&path, 1, what, WHY));
                break;
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check_with;
    use crate::tidy::source::Tree;

    const WANTED: [&str; 3] = ["Guarantees", "Model", "Bounds"];

    fn count(header: &str) -> usize {
        let files = [("crates/x/Cargo.toml", ""), ("crates/x/src/lib.rs", header)];
        check_with(&Tree::of(&files), &[("x", &WANTED)]).len()
    }

    fn header(sections: &[&str]) -> String {
        sections
            .iter()
            .map(|name| format!("//! # {name}\n//! Text.\n"))
            .collect()
    }

    #[test]
    fn a_header_has_every_section_in_order() {
        assert_eq!(count(&header(&WANTED)), 0);
        assert_eq!(
            count(&header(&[
                "Guarantees",
                "Rules",
                "Model",
                "Bounds",
                "Example"
            ])),
            0
        );
        for missing in WANTED {
            let rest: Vec<_> = WANTED.into_iter().filter(|name| *name != missing).collect();
            assert_eq!(count(&header(&rest)), 1, "{missing}");
        }
        assert_eq!(count(&header(&["Model", "Guarantees", "Bounds"])), 1);
    }

    #[test]
    fn no_header_at_all_is_a_finding() {
        let files = [
            ("crates/y/Cargo.toml", ""),
            ("crates/y/src/lib.rs", "mod a;\n"),
        ];
        assert_eq!(check_with(&Tree::of(&files), &[]).len(), 1);
    }
}
