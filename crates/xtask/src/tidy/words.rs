use super::Finding;
use super::purity::has_word;
use super::source::Tree;

const LATER: &str = "what is not done is an issue, not a comment: nobody finds it here";
const UNFINISHED: &str =
    "a product path that panics because it is not written is not a product path";
const IGNORED: &str = "a test that does not run protects nothing; slow ones look at MAFTIA_SLOW";
const MACHINE: &str = "a path of one machine means nothing on another";
const SLEEP: &str = "a test that sleeps is slow when it passes and wrong when the machine is busy; \
    wait for the event";

/// Words that must stand nowhere. Each is spelled in two halves so that this file passes too.
const FORBIDDEN: [(&str, &str, &str); 11] = [
    ("FIX", "ME", LATER),
    ("TO", "DO", LATER),
    ("X", "XX", LATER),
    ("to", "do!(", UNFINISHED),
    ("unimple", "mented!(", UNFINISHED),
    ("#[ig", "nore", IGNORED),
    ("/ro", "ot/", MACHINE),
    ("/wo", "rk/", MACHINE),
    ("/ho", "me/", MACHINE),
    ("/Us", "ers/", MACHINE),
    ("/tmp/", "wt/", MACHINE),
];

/// Files that talk about the words.
const EXCEPTIONS: [(&str, &str); 0] = [];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        for (number, line) in (1..).zip(file.text.lines()) {
            for (head, tail, why) in FORBIDDEN {
                let word = format!("{head}{tail}");
                let excused = EXCEPTIONS.contains(&(file.path.as_str(), word.as_str()));
                if stands(line, &word) && !excused {
                    findings.push(Finding::new(&file.path, number, format!("`{word}`"), why));
                }
            }
        }
    }
    for file in tree.rust() {
        let sleeps = |line: &&str| line.contains("thread::sleep(");
        if file.tests().any(|line| sleeps(&line)) {
            let number = (1..)
                .zip(file.text.lines())
                .filter(|(_, line)| sleeps(line))
                .last();
            let number = number.map_or(1, |(number, _)| number);
            if !WAITING.iter().any(|(path, _)| *path == file.path) {
                findings.push(Finding::new(&file.path, number, "a test sleeps", SLEEP));
            }
        }
    }
    findings
}

/// Tests that watch another process, of which no event can be waited for.
const WAITING: [(&str, &str); 1] = [(
    "crates/cli/tests/it/harness.rs",
    "polls whole processes, with a deadline",
)];

/// Letters must be a word of their own; anything with a sign is found anywhere.
fn stands(line: &str, word: &str) -> bool {
    if word.chars().all(char::is_alphabetic) {
        has_word(line, word)
    } else {
        line.contains(word)
    }
}

#[cfg(test)]
mod tests {
    use super::{FORBIDDEN, check};
    use crate::tidy::source::Tree;

    #[test]
    fn every_forbidden_word_is_found_everywhere() {
        for path in [
            "crates/x/src/a.rs",
            "crates/x/tests/it/a.rs",
            "docs/a.md",
            "Cargo.toml",
        ] {
            for (head, tail, _) in FORBIDDEN {
                let text = format!("fine\nlet x = {head}{tail} ;\n");
                let findings = check(&Tree::of(&[(path, &text)]));
                assert_eq!(findings.len(), 1, "{head}{tail} in {path}");
                assert_eq!(findings[0].line, 2);
            }
        }
    }

    #[test]
    fn longer_words_are_free() {
        let text = format!("X{}X and MAS{}\n", "XX", "TODON");
        assert_eq!(check(&Tree::of(&[("crates/x/src/a.rs", &text)])), []);
    }

    #[test]
    fn tests_do_not_sleep() {
        let text = format!("std::{}sleep(span);\n", "thread::");
        assert_eq!(
            check(&Tree::of(&[("crates/x/src/tests.rs", &text)])).len(),
            1
        );
        assert_eq!(
            check(&Tree::of(&[("crates/site/src/a.rs", &text)])).len(),
            0
        );
    }
}
