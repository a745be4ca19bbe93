use std::path::Path;
use std::process::Command;

/// The campaigns look here for the one seed to run, and then tell its story.
const SEED_VARIABLE: &str = "MAFTIA_REPLAY";

/// Runs the campaign whose test is named `scenario` with one seed. True if it passed.
pub(crate) fn run(root: &Path, scenario: &str, seed: &str) -> bool {
    if seed.parse::<u64>().is_err() {
        eprintln!("`{seed}` is not a seed: it is the number printed with the failure");
        return false;
    }
    // A campaign's test has the scenario's name as the last part of its path.
    let list = match tests_of_campaigns(root) {
        Ok(list) => list,
        Err(why) => {
            eprintln!("{why}");
            return false;
        }
    };
    let Some(test) = find(&list, scenario) else {
        eprintln!(
            "no campaign is named `{scenario}`. There are:\n{}",
            list.join("\n")
        );
        return false;
    };
    let mut command = campaigns();
    command
        .args(["--", "--exact", "--nocapture", test])
        .env(SEED_VARIABLE, seed);
    println!("{SEED_VARIABLE}={seed} {}", crate::gate::spelled(&command));
    command
        .current_dir(root)
        .status()
        .is_ok_and(|status| status.success())
}

fn campaigns() -> Command {
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--release",
        "--package",
        "maftia-adversary",
        "--test",
        "it",
    ]);
    command
}

fn tests_of_campaigns(root: &Path) -> Result<Vec<String>, String> {
    let mut command = campaigns();
    command.args(["--quiet", "--", "--list"]).current_dir(root);
    let spelled = crate::gate::spelled(&command);
    let output = command
        .output()
        .map_err(|error| format!("{spelled}: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{spelled} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect())
}

/// The test whose path ends in `scenario`.
fn find<'a>(tests: &'a [String], scenario: &str) -> Option<&'a str> {
    let named = |test: &&String| {
        test.as_str() == scenario
            || test
                .rsplit("::")
                .next()
                .is_some_and(|last| last == scenario)
    };
    tests.iter().find(named).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_scenario_is_the_last_part_of_a_path() {
        let tests = [
            "campaigns::storm".to_owned(),
            "campaigns::brainstorm".to_owned(),
        ];
        assert_eq!(find(&tests, "storm"), Some("campaigns::storm"));
        assert_eq!(
            find(&tests, "campaigns::brainstorm"),
            Some("campaigns::brainstorm")
        );
        assert_eq!(find(&tests, "rain"), None);
    }
}
