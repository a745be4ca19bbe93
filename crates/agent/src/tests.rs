//! What the words of the sites make of the state of the group.

use std::collections::BTreeMap;

use maftia_config::{GroupFile, Kind, Plan, consecutive, generate};
use maftia_types::SiteId;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::json;

use crate::reports::Report;
use crate::status::{GroupStatus, is_ahead_of, merge};

fn group(kind: Kind) -> GroupFile {
    let plan = Plan {
        name: "test".to_owned(),
        kind,
        sites: consecutive("127.0.0.1:7000".parse().unwrap(), 4).unwrap(),
        http: Vec::new(),
        clients: Vec::new(),
        fast_path: None,
        asynchronous: maftia_types::CoinUse::Never,
        member_approvals: std::num::NonZeroU8::MIN,
    };
    generate(plan, &mut ChaCha20Rng::seed_from_u64(1))
        .unwrap()
        .group
}

/// What each site says, to be changed by a test.
fn words() -> Vec<Option<serde_json::Value>> {
    let names = ["A", "B", "C", "D"];
    names
        .iter()
        .map(|me| {
            let peers: Vec<_> = names.iter().filter(|name| *name != me).collect();
            let peer = |name| json!({"name": name, "link": "up", "state": "live", "newest": 9});
            Some(json!({
                "site": me, "state": "serving", "position": 7, "commit": 3,
                "checkpoint": {"index": 2, "digest": "aa"}, "convicted": [], "pid": 42,
                "peers": peers.into_iter().map(peer).collect::<Vec<_>>(), "version": "0.1.0",
            }))
        })
        .collect()
}

fn reports(words: Vec<Option<serde_json::Value>>) -> BTreeMap<SiteId, Report> {
    let read = |word: serde_json::Value| serde_json::from_value(word).unwrap();
    let answers = SiteId::all(4).zip(words);
    answers
        .filter_map(|(site, word)| Some((site, read(word?))))
        .collect()
}

fn status(change: impl FnOnce(&mut Vec<Option<serde_json::Value>>)) -> GroupStatus {
    let mut words = words();
    change(&mut words);
    merge(&group(Kind::Dev), &reports(words))
}

fn states(status: &GroupStatus) -> Vec<&str> {
    status
        .sites
        .iter()
        .map(|site| site.state.as_str())
        .collect()
}

/// Site `of` says that `about` is down.
fn down(words: &mut [Option<serde_json::Value>], of: usize, about: &str) {
    let peers = words[of].as_mut().unwrap()["peers"].as_array_mut().unwrap();
    for peer in peers {
        if peer["name"] == about {
            peer["link"] = "down".into();
        }
    }
}

#[test]
fn all_is_well_when_all_serve() {
    let status = status(|_| {});
    assert_eq!(states(&status), ["serving"; 4]);
    assert_eq!((status.tolerance, status.remaining_tolerance), (1, 1));
    assert_eq!(
        (status.compromised.len(), status.beyond_tolerance),
        (0, false)
    );
    assert_eq!(status.checkpoint.unwrap().digest, "aa");
    assert_eq!(status.sites[0].pid, Some(42));
    let production = merge(&group(Kind::Production), &reports(words()));
    assert_eq!(production.sites[0].pid, None);
}

#[test]
fn f_plus_1_words_convict_a_site_and_f_do_not() {
    let accuse = |words: &mut Vec<Option<serde_json::Value>>, of: &[usize]| {
        for of in of {
            words[*of].as_mut().unwrap()["convicted"] = json!(["D"]);
        }
    };
    assert_eq!(status(|words| accuse(words, &[0])).compromised.len(), 0);
    let convicted = status(|words| accuse(words, &[0, 1]));
    assert_eq!(states(&convicted)[3], "convicted");
    assert_eq!(
        (convicted.compromised.len(), convicted.remaining_tolerance),
        (1, 0)
    );
    assert!(!convicted.beyond_tolerance);
    let own = status(|words| accuse(words, &[0, 3]));
    assert_eq!(
        own.compromised.len(),
        0,
        "a site's word against itself is no proof"
    );
}

#[test]
fn a_site_that_others_see_is_only_without_answer() {
    let hidden = status(|words| words[3] = None);
    assert_eq!(states(&hidden)[3], "no answer");
    assert_eq!(hidden.remaining_tolerance, 1);
    let gone = status(|words| {
        words[3] = None;
        (0..3).for_each(|of| down(words, of, "D"));
    });
    assert_eq!(states(&gone)[3], "unreachable");
    assert_eq!(gone.remaining_tolerance, 0);
    let one_liar = status(|words| {
        words[3] = None;
        (0..2).for_each(|of| down(words, of, "D"));
    });
    assert_eq!(
        states(&one_liar)[3],
        "unreachable",
        "one site's word does not bring it back"
    );
}

#[test]
fn without_any_answer_nothing_is_left() {
    let status = status(|words| words.fill(None));
    assert_eq!(states(&status), ["unreachable"; 4]);
    assert_eq!(
        (status.remaining_tolerance, status.beyond_tolerance),
        (0, true)
    );
    assert_eq!(status.checkpoint, None);
}

#[test]
fn f_plus_1_sites_call_an_answering_site_silent_and_f_do_not() {
    assert_eq!(states(&status(|words| down(words, 0, "D")))[3], "serving");
    let silent = status(|words| (0..2).for_each(|of| down(words, of, "D")));
    assert_eq!(states(&silent)[3], "silent");
    assert_eq!(silent.remaining_tolerance, 0);
}

#[test]
fn a_site_that_the_group_suspects_counts_once_f_plus_1_sites_say_so() {
    let accused = |words: &mut Vec<Option<serde_json::Value>>, of: &[usize]| {
        for of in of {
            let suspected = json!([{"site": "D", "reason": "invalid", "accusers": [], "since": 1}]);
            words[*of].as_mut().unwrap()["suspected"] = suspected;
        }
    };
    let lone = status(|words| accused(words, &[1]));
    assert_eq!((states(&lone)[3], lone.suspected.len()), ("serving", 0));
    assert_eq!(lone.remaining_tolerance, 1);
    let agreed = status(|words| accused(words, &[1, 2]));
    assert_eq!(states(&agreed)[3], "suspected");
    assert_eq!(agreed.suspected[0].reason, "invalid");
    assert_eq!(agreed.remaining_tolerance, 0);
    assert_eq!(agreed.compromised.len(), 0, "suspicion is no proof");
}

#[test]
fn another_digest_of_the_same_checkpoint_is_divergence() {
    let other = |index: u64| {
        move |words: &mut Vec<Option<serde_json::Value>>| {
            words[2].as_mut().unwrap()["checkpoint"] = json!({"index": index, "digest": "bb"});
        }
    };
    assert_eq!(
        states(&status(other(2))),
        ["serving", "serving", "diverged", "serving"]
    );
    let behind = status(other(1));
    assert_eq!(states(&behind), ["serving"; 4]);
    assert_eq!(behind.checkpoint.unwrap().index, 2);
}

#[test]
fn a_sites_word_against_itself_counts() {
    for state in ["recovering", "fetching 3/10", "diverged", "halted"] {
        let status = status(|words| words[1].as_mut().unwrap()["state"] = json!(state));
        assert_eq!((states(&status)[1], status.remaining_tolerance), (state, 0));
    }
}

#[test]
fn a_key_is_shown_once_f_plus_1_sites_show_the_same() {
    let key = |public: &str| {
        json!([{"name": "group", "scheme": "bls", "state": "active", "version": 0,
                "public_key": public, "holders": 4}])
    };
    let show = |words: &mut Vec<Option<serde_json::Value>>, of: &[(usize, &str)]| {
        for (of, public) in of {
            words[*of].as_mut().unwrap()["keys"] = key(public);
        }
    };
    let lone = status(|words| show(words, &[(0, "aa"), (1, "bb")]));
    assert_eq!(lone.keys.len(), 0, "each is one site's word");
    let agreed = status(|words| show(words, &[(0, "aa"), (1, "bb"), (2, "bb")]));
    let shown: Vec<_> = agreed
        .keys
        .iter()
        .map(|key| key.public_key.as_deref())
        .collect();
    assert_eq!(shown, [Some("bb")]);
}

#[test]
fn the_group_is_ahead_when_one_more_site_says_so_than_may_lie() {
    let ahead = |count: usize, epoch: u64| {
        let mut words = words();
        for word in words.iter_mut().flatten().take(count) {
            word["epoch"] = json!(epoch);
        }
        is_ahead_of(&group(Kind::Dev), &reports(words))
    };
    assert!(!ahead(1, 1));
    assert!(ahead(2, 1));
    assert!(!ahead(4, 0));
}
