use super::Finding;
use super::source::Tree;

/// Lines that ship, in one file.
const LINES_MAX: usize = 800;

/// Above this a file is split or listed below.
const LINES_REVIEWED: usize = 500;

/// Long files, and how long each may be. Entries shrink and go; none is added lightly.
const EXCEPTIONS: [(&str, usize); 0] = [];

const WHY: &str = "a file is read as a whole: one duty, 100 to 250 lines. Split a state machine by \
    duty before it knows everything";
const STALE: &str = "the list of exceptions only shrinks (crates/xtask/src/tidy/length.rs)";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, &EXCEPTIONS)
}

fn check_with(tree: &Tree, exceptions: &[(&str, usize)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = file.product().count();
        let listed = exceptions.iter().find(|(path, _)| *path == file.path);
        let allowed = listed
            .map_or(LINES_REVIEWED, |&(_, lines)| lines)
            .min(LINES_MAX);
        if lines > allowed {
            let what = format!("{lines} lines, {allowed} allowed");
            findings.push(Finding::new(&file.path, allowed + 1, what, WHY));
        } else if listed.is_some() && lines <= LINES_REVIEWED {
            let what = format!("{lines} lines need no exception: delete its entry");
            findings.push(Finding::new(&file.path, 1, what, STALE));
        }
    }
    let gone = |path: &str| tree.find(path).is_none();
    for (path, _) in exceptions.iter().filter(|(path, _)| gone(path)) {
        findings.push(Finding::new(path, 1, "is gone: delete its entry", STALE));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, LINES_REVIEWED, check_with};
    use crate::tidy::source::Tree;

    const PATH: &str = "crates/x/src/a.rs";

    fn count(lines: usize, exceptions: &[(&str, usize)]) -> usize {
        check_with(&Tree::of(&[(PATH, &"x\n".repeat(lines))]), exceptions).len()
    }

    #[test]
    fn files_are_bounded() {
        assert_eq!(count(LINES_REVIEWED, &[]), 0);
        assert_eq!(count(LINES_REVIEWED + 1, &[]), 1);
    }

    #[test]
    fn an_exception_is_bounded_too() {
        assert_eq!(count(600, &[(PATH, 600)]), 0);
        assert_eq!(count(601, &[(PATH, 600)]), 1);
        assert_eq!(count(LINES_MAX + 1, &[(PATH, 2000)]), 1);
    }

    #[test]
    fn an_exception_that_is_not_needed_goes() {
        assert_eq!(count(LINES_REVIEWED, &[(PATH, 600)]), 1);
        assert_eq!(count(1, &[("crates/x/src/gone.rs", 600)]), 1);
    }
}
