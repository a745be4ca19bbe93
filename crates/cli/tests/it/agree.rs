use crate::harness::{last_json, maftia, text};

#[test]
fn sites_that_are_correct_agree_and_tell_how() {
    for what in [
        "binary",
        "bracha",
        "optimistic",
        "consistent",
        "vector",
        "validated",
    ] {
        let output = maftia(&["agree", what, "--seed", "3"]);
        assert_eq!(output.status.code(), Some(0), "{what}: {output:?}");
        let told = text(&output.stdout);
        assert!(
            told.contains("A -> B") && told.contains("D has "),
            "{what}: {told}"
        );
        let quiet = maftia(&["agree", what, "--seed", "3", "--quiet"]);
        assert!(!text(&quiet.stdout).contains("->"), "{what}");
    }
    let output = maftia(&["agree", "multivalued", "--hostile", "1", "--json"]);
    let object = last_json(&output);
    assert_eq!(object["agrees"], true, "{object}");
    assert!(
        object["happenings"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    );
}

#[test]
fn two_hostile_sites_of_four_divide_the_others_with_exit_code_1() {
    let divided = (0..100).find(|seed: &u32| {
        let seed = seed.to_string();
        let output = maftia(&[
            "agree",
            "consistent",
            "--hostile",
            "2",
            "--quiet",
            "--seed",
            &seed,
        ]);
        output.status.code() == Some(1)
    });
    assert!(divided.is_some());
    let output = maftia(&["agree", "binary", "--hostile", "5"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
