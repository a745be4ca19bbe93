use super::Finding;
use super::source::Tree;

/// What has been run, a line per range of seeds.
const RECORD: &str = "docs/fast-path-seeds.md";
/// Where the default is.
const DEFAULT: &str = "crates/config/src/generate.rs";
const ON: &str = "FAST_PATH_DEFAULT: bool = true;";
/// The groups that must have been tried, and how often.
const SITES: [u64; 3] = [4, 7, 10];
const DAGS: u64 = 10_000_000;

const COUNTED: &str = "seeds that were run twice count once, and a disagreement is no evidence";
const EARNED: &str = "the fast path is the default only where 10^7 DAGs have shown no disagreement \
    (docs/adr/0010-fast-path.md)";

/// A range of seeds without a disagreement.
struct Run {
    line: usize,
    sites: u64,
    from: u64,
    to: u64,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(record) = tree.find(RECORD) else {
        return Vec::new();
    };
    let (mut runs, mut findings): (Vec<Run>, Vec<Finding>) = (Vec::new(), Vec::new());
    for (line, text) in (1..).zip(record.text.lines()) {
        let Some(cells) = text.strip_prefix('|') else {
            continue;
        };
        let mut numbers = cells.split('|').map(|cell| cell.trim().parse::<u64>());
        let Some(Ok(sites)) = numbers.next() else {
            continue;
        };
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(from)), Some(Ok(to)), Some(Ok(0))) if from < to => {
                let overlaps = |run: &Run| run.sites == sites && from < run.to && run.from < to;
                if let Some(run) = runs.iter().find(|run| overlaps(run)) {
                    let what = format!("overlaps with line {}", run.line);
                    findings.push(Finding::new(RECORD, line, what, COUNTED));
                }
                runs.push(Run {
                    line,
                    sites,
                    from,
                    to,
                });
            }
            _ => {
                let what = "is no range of seeds without disagreement";
                findings.push(Finding::new(RECORD, line, what, COUNTED));
            }
        }
    }
    findings.extend(default(tree, &runs));
    findings
}

fn default(tree: &Tree, runs: &[Run]) -> Vec<Finding> {
    let Some(file) = tree.find(DEFAULT) else {
        return Vec::new();
    };
    let mut code = file.code();
    let Some((line, _)) = code.find(|(_, line)| line.contains(ON)) else {
        return Vec::new();
    };
    let short = SITES.into_iter().filter_map(|sites| {
        let of = runs.iter().filter(|run| run.sites == sites);
        let dags: u64 = of.map(|run| run.to - run.from).sum();
        let what = format!("on by default with {dags} DAGs of {sites} sites");
        (dags < DAGS).then(|| Finding::new(DEFAULT, line, what, EARNED))
    });
    short.collect()
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT, ON, RECORD, check};
    use crate::tidy::source::Tree;

    fn findings(rows: &[&str], on: bool) -> Vec<String> {
        let table = format!("| n | from | to |\n|---|---|---|\n{}\n", rows.join("\n"));
        let code = if on { ON } else { "" };
        let tree = Tree::of(&[(RECORD, &table), (DEFAULT, code)]);
        let line = |f: crate::tidy::Finding| format!("{}: {}", f.line, f.what);
        check(&tree).into_iter().map(line).collect()
    }

    const FOUR: &str = "| 4 | 0 | 10000000 | 0 | 13.0 |";
    const SEVEN: &str = "| 7 | 0 | 10000000 | 0 | 13.0 |";
    const TEN: [&str; 2] = ["| 10 | 0 | 5 | 0 |", "| 10 | 5 | 10000000 | 0 |"];

    #[test]
    fn the_default_is_on_only_after_ten_million_of_each() {
        assert_eq!(findings(&[FOUR, SEVEN, TEN[0], TEN[1]], true), [""; 0]);
        assert_eq!(findings(&[FOUR], false), [""; 0]);
        assert_eq!(
            findings(&[FOUR, SEVEN, TEN[1]], true),
            ["1: on by default with 9999995 DAGs of 10 sites"]
        );
    }

    #[test]
    fn a_seed_counts_once_and_a_disagreement_not_at_all() {
        let overlap = "| 4 | 9999999 | 10000001 | 0 |";
        assert_eq!(
            findings(&[FOUR, overlap], false),
            ["4: overlaps with line 3"]
        );
        let bad = ["| 4 | 0 | 9 | 1 |", "| 4 | 9 | 9 | 0 |", "| 4 | many |"];
        for row in bad {
            let expected = ["3: is no range of seeds without disagreement"];
            assert_eq!(findings(&[row], false), expected, "{row}");
        }
    }
}
