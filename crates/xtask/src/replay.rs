use std::path::Path;
use std::process::Command;

/// The test of the campaigns that runs one seed and tells its story.
const TEST: &str = "campaigns::replays_a_seed_that_is_asked_for";

/// What a campaign's name says: `replica-<sites>-<corrupted>-<weather>`, and behind it `-fast` with
/// the fast path, `-auto` or `-always` with the coin.
#[derive(Debug, PartialEq, Eq)]
struct Scenario {
    sites: u8,
    corrupted: u8,
    sleeper: bool,
    fast_path: bool,
    asynchronous: &'static str,
}

/// Runs one seed of the campaign named `scenario` with its log. True if the seed was run.
pub(crate) fn run(root: &Path, scenario: &str, seed: &str) -> bool {
    if seed.parse::<u64>().is_err() {
        eprintln!("`{seed}` is not a seed: it is the number printed with the failure");
        return false;
    }
    let Some(scenario) = parse(scenario) else {
        eprintln!(
            "`{scenario}` is no campaign that can be replayed: those are named as \
             replica-4-1-storm or replica-7-1-sleeper"
        );
        return false;
    };
    let mut command = Command::new("cargo");
    command
        .args(["test", "--release", "--package", "maftia-adversary"])
        .args(["--test", "it", "--", "--exact", "--nocapture", TEST]);
    let variables = [
        ("MAFTIA_SEED", seed.to_owned()),
        ("MAFTIA_N", scenario.sites.to_string()),
        ("MAFTIA_CORRUPTED", scenario.corrupted.to_string()),
        ("MAFTIA_SLEEPER", u8::from(scenario.sleeper).to_string()),
        ("MAFTIA_FAST_PATH", u8::from(scenario.fast_path).to_string()),
        ("MAFTIA_ASYNCHRONOUS", scenario.asynchronous.to_owned()),
    ];
    for (name, value) in &variables {
        print!("{name}={value} ");
    }
    println!("{}", crate::gate::spelled(&command));
    command.envs(variables).current_dir(root);
    command.status().is_ok_and(|status| status.success())
}

fn parse(name: &str) -> Option<Scenario> {
    let mut parts = name.strip_prefix("replica-")?.splitn(3, '-');
    let sites = parts.next()?.parse().ok()?;
    let corrupted = parts.next()?.parse().ok()?;
    let (sleeper, fast_path, asynchronous) = match parts.next()? {
        "storm" => (false, false, "never"),
        "storm-fast" => (false, true, "never"),
        "storm-auto" => (false, false, "auto"),
        "storm-always" => (false, false, "always"),
        "sleeper" => (true, false, "never"),
        _ => return None,
    };
    Some(Scenario {
        sites,
        corrupted,
        sleeper,
        fast_path,
        asynchronous,
    })
}

#[cfg(test)]
mod tests {
    use super::{Scenario, parse};

    #[test]
    fn a_campaigns_name_says_what_to_run() {
        let scenario = Scenario {
            sites: 7,
            corrupted: 2,
            sleeper: false,
            fast_path: false,
            asynchronous: "never",
        };
        assert_eq!(parse("replica-7-2-storm"), Some(scenario));
        assert!(parse("replica-7-1-sleeper").is_some_and(|scenario| scenario.sleeper));
        assert!(parse("replica-4-1-storm-fast").is_some_and(|scenario| scenario.fast_path));
        let auto = parse("replica-4-1-storm-auto");
        assert!(auto.is_some_and(|scenario| scenario.asynchronous == "auto"));
    }

    #[test]
    fn a_name_that_would_replay_another_world_is_refused() {
        for name in [
            "storm",
            "replica-4-storm",
            "replica-4-1-real",
            "replica-x-1-storm",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
