use super::Finding;
use super::source::{File, Tree};

/// The enums whose every variant is an accusation.
const ENUMS: [&str; 2] = ["Misbehaviour", "Invalid"];

/// Accusations no test names yet.
const UNTESTED: [&str; 0] = [];

const WHY: &str = "an accusation that no test makes happen may never be raised, or be raised \
    against a correct site";
const STALE: &str = "the list of exceptions only shrinks (crates/xtask/src/tidy/misbehaviour.rs)";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, &UNTESTED)
}

fn check_with(tree: &Tree, untested: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| !file.is_test()) {
        for name in ENUMS {
            for (number, variant) in variants(file, name) {
                let spelled = format!("{name}::{variant}");
                let key = format!("{}/{spelled}", file.krate().unwrap_or_default());
                let named = tree
                    .rust()
                    .any(|f| f.tests().any(|line| line.contains(&spelled)));
                let listed = untested.contains(&key.as_str());
                if !named && !listed {
                    let what = format!("no test names `{spelled}`");
                    findings.push(Finding::new(&file.path, number, what, WHY));
                } else if named && listed {
                    let what = format!("`{key}` is tested: delete its entry");
                    findings.push(Finding::new(&file.path, number, what, STALE));
                }
            }
        }
    }
    findings
}

/// The variants of the public enum of this name, with their lines. Those that only pass on another
/// enum are not accusations of their own.
fn variants<'a>(file: &'a File, name: &str) -> Vec<(usize, &'a str)> {
    let head = format!("pub enum {name} {{");
    file.product()
        .skip_while(|(_, line)| *line != head)
        .skip(1)
        .take_while(|(_, line)| *line != "}")
        .filter_map(|(number, line)| {
            let line = line
                .strip_prefix("    ")
                .filter(|line| !line.contains("#[from]"))?;
            let end = line
                .find(|c: char| !c.is_alphanumeric())
                .unwrap_or(line.len());
            let word = line.get(..end)?;
            word.starts_with(char::is_uppercase)
                .then_some((number, word))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check_with;
    use crate::tidy::source::Tree;

    const ENUM: &str = "\
/// Why.
pub enum Misbehaviour {
    /// One.
    #[error(\"One\")]
    One,
    /// Two.
    Two,
    /// Another's.
    Passed(#[from] Other),
}
";

    fn findings(test: &str, untested: &[&str]) -> Vec<String> {
        let tree = Tree::of(&[
            ("crates/x/src/fault.rs", ENUM),
            ("crates/x/src/tests.rs", test),
        ]);
        let line = |f: crate::tidy::Finding| format!("{}: {}", f.line, f.what);
        check_with(&tree, untested).into_iter().map(line).collect()
    }

    #[test]
    fn each_accusation_is_named_by_a_test() {
        let test = "assert_eq!(x, Misbehaviour::One);";
        assert_eq!(
            findings(test, &[]),
            ["7: no test names `Misbehaviour::Two`"]
        );
        assert_eq!(findings(test, &["x/Misbehaviour::Two"]), [""; 0]);
    }

    #[test]
    fn naming_it_where_it_is_raised_is_not_enough() {
        let tree = Tree::of(&[
            ("crates/x/src/fault.rs", ENUM),
            ("crates/x/src/a.rs", "Misbehaviour::One Misbehaviour::Two"),
        ]);
        assert_eq!(check_with(&tree, &[]).len(), 2);
    }

    #[test]
    fn an_exception_that_is_not_needed_goes() {
        let test = "Misbehaviour::One Misbehaviour::Two";
        let stale = "5: `x/Misbehaviour::One` is tested: delete its entry";
        assert_eq!(findings(test, &["x/Misbehaviour::One"]), [stale]);
    }
}
