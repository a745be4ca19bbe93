use std::num::NonZeroU8;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use maftia_types::{CoinUse, FaultModel, Power, Powers};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;

fn plan(n: usize) -> Plan {
    Plan {
        name: "test".to_owned(),
        kind: Kind::Dev,
        sites: consecutive("127.0.0.1:7000".parse().unwrap(), n).unwrap(),
        http: consecutive("127.0.0.1:8000".parse().unwrap(), n).unwrap(),
        clients: vec!["app".to_owned(), "operator".to_owned()],
        fast_path: None,
        asynchronous: maftia_types::CoinUse::Never,
        member_approvals: NonZeroU8::MIN,
    }
}

fn made(n: usize) -> Generated {
    generate(plan(n), &mut ChaCha20Rng::seed_from_u64(1)).unwrap()
}

fn changed(change: impl FnOnce(&mut Group)) -> Result<GroupFile, GroupError> {
    let mut group = made(4).group.group().clone();
    change(&mut group);
    GroupFile::new(group)
}

fn loads(text: &str) -> ConfigError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("group.toml");
    std::fs::write(&path, text).unwrap();
    GroupFile::load(&path).unwrap_err()
}

fn saved(folder: &Path) -> String {
    let path = folder.join("group.toml");
    made(4).group.save(&path).unwrap();
    std::fs::read_to_string(&path).unwrap()
}

#[test]
fn a_saved_group_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let text = saved(folder.path());
    let path = folder.path().join("group.toml");
    let group = GroupFile::load(&path).unwrap();
    assert_eq!(group.group(), made(4).group.group(), "{text}");
    assert_eq!(group.digest(), made(4).group.digest());
    assert_eq!(group.resilience().intruded_max(), 1);
    assert_eq!(group.site("C").unwrap().0.index(), 2);
}

#[test]
fn the_digest_covers_all_but_the_addresses() {
    let base = *made(4).group.digest();
    let differs = |change: fn(&mut Group)| *changed(change).unwrap().digest() != base;
    assert!(differs(|group| group.name.push('2')));
    assert!(differs(|group| group.kind = Kind::Production));
    // No fault, no fast path: the two are told apart without it.
    let slow = |f: usize| changed(move |group| (group.f, group.fast_path) = (f, false)).unwrap();
    assert_ne!(slow(0).digest(), slow(1).digest());
    assert!(differs(|group| group.fast_path = !group.fast_path));
    assert!(differs(|group| group.asynchronous = CoinUse::Auto));
    let auto = changed(|group| group.asynchronous = CoinUse::Auto).unwrap();
    let always = changed(|group| group.asynchronous = CoinUse::Always).unwrap();
    assert_ne!(auto.digest(), always.digest());
    assert!(differs(|group| group.sites.swap(0, 1)));
    assert!(differs(|group| group.sites[0].name.push('2')));
    assert!(differs(|group| group.clients.truncate(1)));
    assert!(differs(|group| group.clients[0].name.push('2')));
    assert!(!differs(|group| group.sites[0].address.set_port(9)));
    assert!(!differs(|group| group.sites[0].http = None));
}

#[test]
fn a_fast_path_is_refused_where_no_fault_is_expected() {
    let planned = |n, fast_path| {
        let plan = Plan {
            fast_path,
            ..plan(n)
        };
        let made = generate(plan, &mut ChaCha20Rng::seed_from_u64(1));
        made.map(|made| made.group.group().fast_path)
    };
    assert_eq!(planned(4, Some(true)), Ok(true));
    assert_eq!(planned(4, Some(false)), Ok(false));
    assert_eq!(planned(4, None), Ok(FAST_PATH_DEFAULT));
    assert_eq!(planned(3, None), Ok(false));
    assert_eq!(planned(3, Some(false)), Ok(false));
    let refused = planned(3, Some(true)).unwrap_err();
    assert!(refused.to_string().contains("`fast_path` off"), "{refused}");
    let typed = changed(|group| (group.f, group.fast_path) = (0, true)).unwrap_err();
    assert!(matches!(typed, GroupError::Resilience(_)), "{typed}");
}

fn of_model(model: FaultModel, n: usize) -> Result<Generated, GroupError> {
    generate_for(model, plan(n), &mut ChaCha20Rng::seed_from_u64(1))
}

#[test]
fn a_hybrid_group_is_refused_as_its_sites_have_no_devices() {
    assert_eq!(
        of_model(FaultModel::Hybrid, 3).unwrap_err(),
        GroupError::Row(RowError::NoDevices)
    );
    let typed = changed(|group| group.model = FaultModel::Hybrid).unwrap_err();
    assert!(typed.to_string().contains("trusted device"), "{typed}");
}

#[test]
fn a_crash_group_of_three_tolerates_one_stopped_site_and_no_intruded_one() {
    let group = of_model(FaultModel::Crash, 3).unwrap().group;
    assert_eq!((group.group().f, group.group().c), (0, 1));
    assert_eq!(group.resilience().quorum(), 2);
    let read = GroupFile::from_text(&group.text().unwrap()).unwrap();
    assert_eq!(read.digest(), group.digest());
    let refused = |change: fn(&mut Group)| {
        let mut group = group.group().clone();
        change(&mut group);
        GroupFile::new(group).unwrap_err()
    };
    let two = refused(|group| group.c = 2);
    assert!(matches!(two, GroupError::Resilience(_)), "{two}");
    let intruded = refused(|group| group.f = 1);
    assert!(matches!(intruded, GroupError::Resilience(_)), "{intruded}");
    let arbitrary = refused(|group| group.model = FaultModel::Arbitrary);
    assert_eq!(arbitrary, GroupError::Row(RowError::Stopped(1)));
    let mut none = group.group().clone();
    none.c = 0;
    assert_ne!(none.digest(), *group.digest(), "c is covered");
}

#[test]
fn a_file_that_does_not_name_the_fast_path_has_it_off() {
    let folder = tempfile::tempdir().unwrap();
    let text = saved(folder.path());
    let line = format!("fast_path = {FAST_PATH_DEFAULT}\n");
    assert!(text.contains(&line), "{text}");
    let path = folder.path().join("group.toml");
    std::fs::write(&path, text.replace(&line, "")).unwrap();
    assert!(!GroupFile::load(&path).unwrap().group().fast_path);
    let error = loads(&text.replace(&line, "fast_path = \"on\"\n"));
    assert!(error.line().is_some(), "{error}");
    assert!(error.what().contains("expected a boolean"), "{error}");
}

#[test]
fn refuses_what_is_no_group() {
    let too_many = changed(|group| group.f = 2).unwrap_err();
    assert!(matches!(too_many, GroupError::Resilience(_)));
    let name = changed(|group| group.sites[1].name = "a b".to_owned()).unwrap_err();
    assert_eq!(name, GroupError::Name("a b".to_owned()));
    let twice = changed(|group| group.clients[1].name = "A".to_owned()).unwrap_err();
    assert_eq!(twice, GroupError::DuplicateName("A".to_owned()));
    let key = changed(|group| group.clients[0].key = group.sites[2].key).unwrap_err();
    assert_eq!(key, GroupError::DuplicateKey("C".into(), "app".into()));
    let address = changed(|group| group.sites[3].address = group.sites[0].address).unwrap_err();
    assert_eq!(
        address,
        GroupError::DuplicateAddress("A".into(), "D".into())
    );
}

#[test]
fn a_file_that_does_not_speak_of_powers_keeps_its_digest_and_gives_all() {
    let folder = tempfile::tempdir().unwrap();
    let text = saved(folder.path()).replace("fast_path = true\n", "fast_path = false\n");
    let silent: Vec<&str> = text
        .lines()
        .filter(|line| {
            !["powers", "[keys]", "[members]", "approvals"]
                .iter()
                .any(|it| line.starts_with(it))
        })
        .collect();
    assert_eq!(silent.len() + 6, text.lines().count(), "{text}");
    let path = folder.path().join("old.toml");
    std::fs::write(&path, silent.join("\n")).unwrap();
    let old = GroupFile::load(&path).unwrap();
    assert_eq!(old.powers(), [Powers::ALL; 2]);
    let slow = changed(|group| group.fast_path = false).unwrap();
    assert_eq!(old.digest(), slow.digest());
    // As it was before there were powers.
    let digest = "a60dd5cc3592c7e747d707bc5c6e362569504a7145f18f646e394109fc9e44ba";
    assert_eq!(old.digest().to_string(), digest);
}

#[test]
fn powers_read_back_and_are_digested() {
    let few = |group: &mut Group| {
        group.clients[0].powers = [Power::UseKeys, Power::Audit].into_iter().collect();
    };
    let base = changed(few).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("group.toml");
    base.save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(r#"powers = ["audit", "use-keys"]"#), "{text}");
    assert_eq!(GroupFile::load(&path).unwrap().powers(), base.powers());
    assert_ne!(base.digest(), made(4).group.digest());
    let none = changed(|group| group.clients[0].powers = Powers::NONE).unwrap();
    assert_ne!(none.digest(), base.digest());
    let error = loads(&text.replace("\"audit\"", "\"admin\""));
    assert!(error.what().contains("approve-members"), "{error}");
    assert!(error.line().is_some(), "{error}");
}

type Entry = fn(&mut Group) -> &mut ApprovalsEntry;
/// The two kinds of changes that take approvals, each with the power that it needs.
const APPROVED: [(&str, Power, Entry); 2] = [
    ("keys", Power::ApproveKeys, |group| &mut group.keys),
    ("members", Power::ApproveMembers, |group| &mut group.members),
];

#[test]
fn approvals_are_digested_and_at_most_as_many_as_clients_with_the_power() {
    let base = *made(4).group.digest();
    let two = NonZeroU8::new(2).unwrap();
    let mut seen = vec![base];
    for (table, power, entry) in APPROVED {
        // The last client has not this power.
        let with = |able: usize, wanted| {
            changed(|group| {
                if able == 1 {
                    let others = Power::ALL.into_iter().filter(|own| *own != power);
                    group.clients[1].powers = others.collect();
                }
                entry(group).approvals = wanted;
            })
        };
        seen.push(*with(2, two).unwrap().digest());
        assert!(with(1, NonZeroU8::MIN).is_ok());
        for (able, wanted) in [(1, two), (2, NonZeroU8::new(3).unwrap())] {
            let refused = GroupError::Approvals {
                table,
                power,
                wanted,
                able,
            };
            assert_eq!(with(able, wanted).unwrap_err(), refused);
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_change_takes_at_least_one_approval() {
    let folder = tempfile::tempdir().unwrap();
    let text = saved(folder.path());
    let none = text.replace("[members]\napprovals = 1", "[members]\napprovals = 0");
    assert_ne!(none, text);
    let error = loads(&none);
    assert!(error.line().is_some(), "{error}");
    assert!(error.what().contains("nonzero"), "{error}");
}

#[test]
fn a_later_epoch_s_file_keeps_the_approvals_of_the_group() {
    let two = NonZeroU8::new(2).unwrap();
    let plan = Plan {
        member_approvals: two,
        ..plan(4)
    };
    let group = generate(plan, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
    let group = group.group;
    let later = group.with_view(group.view(), &[]).unwrap();
    assert_eq!(later.group().members.approvals, two);
}

#[test]
fn an_error_names_file_line_and_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let text = saved(folder.path());
    let line = 1 + text
        .lines()
        .position(|line| line.starts_with("key"))
        .unwrap();
    let bad = text.replacen("key = \"", "key = \"zz", 1);
    let error = loads(&bad);
    assert_eq!(error.line(), Some(line), "{error}");
    assert!(
        error.to_string().contains("64 hexadecimal digits"),
        "{error}"
    );

    let error = loads(&text.replacen("kind = \"dev\"", "kind = \"toy\"", 1));
    assert!(
        error.line().is_some() && error.what().contains("toy"),
        "{error}"
    );
    let error = loads(&format!("colour = 1\n{text}"));
    assert!(error.what().contains("colour"), "{error}");
    let error = GroupFile::load(&folder.path().join("absent.toml")).unwrap_err();
    assert!(error.next().contains("maftia init"), "{error}");
}

#[test]
fn a_key_reads_back_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    let generated = made(4);
    let key = &generated.sites[0].key;
    save_key(&path, key).unwrap();
    assert_eq!(load_key(&path).unwrap().public(), key.public());
    assert!(save_key(&path, &generated.sites[1].key).is_err());
    assert_eq!(load_key(&path).unwrap().public(), key.public());
}

#[test]
fn refuses_a_secret_that_others_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    save_token(&path, &mut ChaCha20Rng::seed_from_u64(2)).unwrap();
    assert_eq!(load_token(&path).unwrap().len(), 64);
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = load_token(&path).unwrap_err();
        assert!(error.next().contains("chmod 600"), "{error}");
    }
}

#[test]
fn refuses_a_short_token_and_a_long_key() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        file::create_secret(&path, text.as_bytes()).unwrap();
        path
    };
    assert!(load_token(&write("short", &"x".repeat(SECRET_BYTES_MIN - 1))).is_err());
    assert!(load_token(&write("least", &"x".repeat(SECRET_BYTES_MIN))).is_ok());
    assert!(load_key(&write("long", &"a".repeat(65))).is_err());
}

#[test]
fn a_sites_paths_start_at_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    let site = SiteFile {
        group: "../group.toml".into(),
        name: "A".to_owned(),
        data: "data".into(),
        key: "/etc/a.key".into(),
        listen: "127.0.0.1:7000".parse().unwrap(),
        http: None,
        token: Some("token".into()),
    };
    site.save(&path).unwrap();
    let loaded = SiteFile::load(&path).unwrap();
    assert_eq!(loaded.group, folder.path().join("../group.toml"));
    assert_eq!(loaded.key, Path::new("/etc/a.key"));
    assert_eq!(loaded.token, Some(folder.path().join("token")));
}

#[test]
fn a_file_says_when_a_coin_names_leaders_and_an_older_one_says_never() {
    let file = changed(|group| group.asynchronous = CoinUse::Always).unwrap();
    let text = file.text().unwrap();
    let line = "asynchronous = \"always\"\n";
    assert!(text.contains(line), "{text}");
    let read = |text: &str| GroupFile::from_text(text);
    assert_eq!(read(&text).unwrap().digest(), file.digest());
    let older = read(&text.replace(line, "")).unwrap();
    assert_eq!(older.group().asynchronous, CoinUse::Never);
    let plain = changed(|_| ()).unwrap();
    assert_eq!(older.digest(), plain.digest());
    let wrong = read(&text.replace("always", "sometimes")).unwrap_err();
    assert!(wrong.contains("never"), "{wrong}");
}
