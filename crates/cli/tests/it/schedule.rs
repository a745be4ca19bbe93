//! A network that aims at known leaders, in a live group whose sites are all correct.

use serde_json::Value;

use crate::harness::{Group, alone, until};
use crate::load::{Load, assert_kept};

impl Group {
    fn network(&self, arguments: &[&str]) {
        let output = self.run(&[&["attack", "schedule-leader", "--json"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
    }

    /// Waits until f + 1 sites say that this rule decides, and why.
    fn ruled_by(&self, rule: &str) -> String {
        let what = format!("rule {rule} decides");
        let ruling: Value = until(&what, || {
            let ruling = self.status()["ruling"].clone();
            (ruling["rule"] == rule && ruling["has_coin"] == true).then_some(ruling)
        });
        ruling["why"].as_str().unwrap().to_owned()
    }

    /// The requests that the site furthest on has executed.
    fn executed(&self) -> u64 {
        let status = self.status();
        let sites = status["sites"].as_array().unwrap().iter();
        let positions = sites.filter_map(|site| site["position"].as_u64());
        positions.max().unwrap()
    }
}

#[test]
fn the_coin_takes_over_under_a_network_that_aims_at_known_leaders_and_gives_back() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev_with(dir.path(), &["--asynchronous", "auto"]);
    let load = Load::start(&group, 4);
    assert_eq!(group.ruled_by("S"), "known leaders do");
    group.network(&[]);
    assert_eq!(group.ruled_by("A"), "known leaders did not do");
    let before = load.count();
    until("requests commit under the attack", || {
        (load.count() > before + 20).then_some(())
    });
    assert_eq!(group.ruled_by("A"), "known leaders did not do");
    group.network(&["--stop"]);
    assert_eq!(group.ruled_by("S"), "known leaders do");
    let acknowledged = load.finish();
    assert_kept(&group, &acknowledged);
    let status = group.settled();
    assert_eq!(status["remaining_tolerance"], 1, "{status:#}");
}

#[test]
fn a_group_without_a_coin_stands_until_the_network_lets_it_go_on() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    assert!(group.kv(&["put", "before", "1"]).status.success());
    group.network(&[]);
    let unknown = || {
        let output = group.kv(&["put", "meanwhile", "2", "--timeout", "2"]);
        (output.status.code() == Some(3)).then_some(())
    };
    // The order reaches one site after the other.
    until("the outcome of a put is unknown", unknown);
    let stands_at = group.executed();
    assert_eq!(unknown(), Some(()));
    assert_eq!(group.executed(), stands_at);
    group.network(&["--stop"]);
    until("puts commit again", || {
        let output = group.kv(&["put", "after", "3"]);
        output.status.success().then_some(())
    });
    assert!(group.executed() > stands_at);
}

#[test]
fn an_attack_of_the_network_names_no_site_and_one_of_a_site_names_it() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    let code = |arguments: &[&str]| group.run(&[&["attack"], arguments].concat()).status.code();
    assert_eq!(code(&["schedule-leader", "--site", "A"]), Some(2));
    assert_eq!(code(&["silence"]), Some(2));
    assert_eq!(code(&["silence", "--site", "A", "--stop"]), Some(2));
    assert_eq!(code(&["schedule-leader", "--for", "1"]), Some(0));
}
