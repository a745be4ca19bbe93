use std::path::Path;
use std::process::Command;

/// The tests of the campaigns that run one seed and tell its story: of groups whose sites stay, and
/// of those whose sites change.
const TEST: &str = "campaigns::replays_a_seed_that_is_asked_for";
const TEST_OF_VIEWS: &str = "views::campaigns::replays_a_seed_that_is_asked_for";

/// What a campaign's name says: `replica-<sites>-<corrupted>-<weather>`, and behind it `-fast` with
/// the fast path, `-auto` or `-always` with the coin; at the end `-hybrid` or `-crash` in those rows.
#[derive(Debug, PartialEq, Eq)]
struct Scenario {
    sites: u8,
    corrupted: u8,
    sleeper: bool,
    fast_path: bool,
    asynchronous: &'static str,
    model: &'static str,
}

/// Runs one seed of the campaign named `scenario` with its log. True if the seed was run.
pub(crate) fn run(root: &Path, scenario: &str, seed: &str) -> bool {
    if seed.parse::<u64>().is_err() {
        eprintln!("`{seed}` is not a seed: it is the number printed with the failure");
        return false;
    }
    let Some((test, mut variables)) = asked(scenario) else {
        eprintln!(
            "`{scenario}` is no campaign that can be replayed: those are named as \
             replica-4-1-storm, replica-7-1-sleeper, views-storm or views-keyed"
        );
        return false;
    };
    variables.push(("MAFTIA_SEED", seed.to_owned()));
    let mut command = Command::new("cargo");
    command
        .args(["test", "--release", "--package", "maftia-adversary"])
        .args(["--test", "it", "--", "--exact", "--nocapture", test]);
    for (name, value) in &variables {
        print!("{name}={value} ");
    }
    println!("{}", crate::gate::spelled(&command));
    command.envs(variables).current_dir(root);
    command.status().is_ok_and(|status| status.success())
}

/// The test that replays a campaign, and what it is told.
fn asked(name: &str) -> Option<(&'static str, Vec<(&'static str, String)>)> {
    if let Some(kind @ ("storm" | "keyed")) = name.strip_prefix("views-") {
        return Some((TEST_OF_VIEWS, vec![("MAFTIA_VIEWS", kind.to_owned())]));
    }
    let scenario = parse(name)?;
    let variables = vec![
        ("MAFTIA_N", scenario.sites.to_string()),
        ("MAFTIA_CORRUPTED", scenario.corrupted.to_string()),
        ("MAFTIA_SLEEPER", u8::from(scenario.sleeper).to_string()),
        ("MAFTIA_FAST_PATH", u8::from(scenario.fast_path).to_string()),
        ("MAFTIA_ASYNCHRONOUS", scenario.asynchronous.to_owned()),
        ("MAFTIA_MODEL", scenario.model.to_owned()),
    ];
    Some((TEST, variables))
}

fn parse(name: &str) -> Option<Scenario> {
    let rows = ["hybrid", "crash"].into_iter();
    let mut row = rows.filter_map(|row| Some((name.strip_suffix(row)?.strip_suffix('-')?, row)));
    let (name, model) = row.next().unwrap_or((name, "arbitrary"));
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
        model,
    })
}

#[cfg(test)]
mod tests {
    use super::{Scenario, TEST_OF_VIEWS, asked, parse};

    #[test]
    fn a_campaigns_name_says_what_to_run() {
        let scenario = Scenario {
            sites: 7,
            corrupted: 2,
            sleeper: false,
            fast_path: false,
            asynchronous: "never",
            model: "arbitrary",
        };
        assert_eq!(parse("replica-7-2-storm"), Some(scenario));
        assert!(parse("replica-7-1-sleeper").is_some_and(|scenario| scenario.sleeper));
        assert!(parse("replica-4-1-storm-fast").is_some_and(|scenario| scenario.fast_path));
        let auto = parse("replica-4-1-storm-auto");
        assert!(auto.is_some_and(|scenario| scenario.asynchronous == "auto"));
        let hybrid = parse("replica-3-1-storm-auto-hybrid");
        let is_it = |of: Scenario| of.model == "hybrid" && of.asynchronous == "auto";
        assert!(hybrid.is_some_and(is_it));
        assert!(parse("replica-3-0-storm-crash").is_some_and(|of| of.model == "crash"));
    }

    #[test]
    fn campaigns_of_changing_views_have_a_test_of_their_own() {
        let storm = asked("views-storm").unwrap();
        assert_eq!(
            storm,
            (TEST_OF_VIEWS, vec![("MAFTIA_VIEWS", "storm".to_owned())])
        );
        assert!(asked("views-keyed").is_some() && asked("views-4").is_none());
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
