use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// One thing the gate does.
pub(crate) struct Stage {
    /// What is printed before it.
    title: &'static str,
    /// What to do about a failure.
    remedy: &'static str,
    work: Work,
}

enum Work {
    /// The house rules, in this process.
    Tidy,
    Command {
        line: &'static [&'static str],
        environment: &'static [(&'static str, &'static str)],
        /// Skipped with a word, not failed, where it is not installed.
        optional: bool,
    },
}

const FORMAT: Stage = command(
    "format",
    &["cargo", "fmt", "--all", "--check"],
    "cargo xtask fix",
);
const TIDY: Stage = Stage {
    title: "house rules",
    remedy: "each finding says why its rule exists",
    work: Work::Tidy,
};
const LINTS: Stage = command(
    "lints",
    &[
        "cargo",
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ],
    "cargo xtask fix repairs some; the rest is yours",
);
const TESTS: Stage = command(
    "tests",
    &["cargo", "test", "--workspace"],
    "a failed simulation prints the command that replays it",
);
/// Licences, known advisories, and crates that may be used only by those that do I/O.
const DEPENDENCIES: Stage = Stage {
    title: "dependencies",
    remedy: "deny.toml says what is allowed and why",
    work: Work::Command {
        line: &["cargo", "deny", "--log-level", "error", "check"],
        environment: &[],
        optional: true,
    },
};
const SLOW_TESTS: Stage = Stage {
    title: "long tests",
    remedy: "a failed simulation prints the command that replays it",
    work: Work::Command {
        line: &["cargo", "test", "--workspace", "--release"],
        environment: &[("MAFTIA_SLOW", "1")],
        optional: false,
    },
};

/// What people and machines run before every commit.
pub(crate) fn quick() -> Vec<Stage> {
    vec![FORMAT, TIDY, LINTS, TESTS]
}

/// What is run before a release: everything quick, everything long.
pub(crate) fn slow() -> Vec<Stage> {
    vec![FORMAT, TIDY, LINTS, DEPENDENCIES, TESTS, SLOW_TESTS]
}

/// What is not a test.
pub(crate) fn checks() -> Vec<Stage> {
    vec![FORMAT, TIDY, LINTS]
}

/// What writes: the gate itself never does.
pub(crate) fn repairs() -> Vec<Stage> {
    const LINTS: Stage = command(
        "repair lints",
        &[
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--fix",
            "--allow-dirty",
            "--allow-staged",
        ],
        "it does not build: mend that first",
    );
    const FORMAT: Stage = command("format", &["cargo", "fmt", "--all"], "it does not parse");
    vec![LINTS, FORMAT]
}

/// Runs the stages in order and stops at the first that fails. True if all passed.
pub(crate) fn run(root: &Path, stages: &[Stage]) -> bool {
    for stage in stages {
        println!("── {}", stage.title);
        let start = Instant::now();
        if !stage.perform(root) {
            println!("── {} FAILED: {}", stage.title, stage.remedy);
            return false;
        }
        println!(
            "── {} passed in {:.1} s",
            stage.title,
            start.elapsed().as_secs_f64()
        );
    }
    true
}

/// A command as it would be typed.
pub(crate) fn spelled(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    words.join(" ")
}

const fn command(
    title: &'static str,
    line: &'static [&'static str],
    remedy: &'static str,
) -> Stage {
    let work = Work::Command {
        line,
        environment: &[],
        optional: false,
    };
    Stage {
        title,
        remedy,
        work,
    }
}

impl Stage {
    fn perform(&self, root: &Path) -> bool {
        let Work::Command {
            line,
            environment,
            optional,
        } = &self.work
        else {
            return crate::tidy::run(root);
        };
        let Some((program, arguments)) = line.split_first() else {
            return true;
        };
        if *optional && !installed(line) {
            println!("{} is not installed: skipped", line.join(" "));
            return true;
        }
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(root);
        println!("{}", spelled(&command));
        match command.status() {
            Ok(status) => status.success(),
            Err(error) => {
                println!("{program}: {error}");
                false
            }
        }
    }
}

/// Whether cargo has the subcommand of `line`.
fn installed(line: &[&str]) -> bool {
    let Some(subcommand) = line.get(1) else {
        return false;
    };
    Command::new("cargo")
        .args([subcommand, "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}
