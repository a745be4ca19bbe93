use axum::response::IntoResponse;
use maftia_activity::keys::sessions::{Policy, Refusal as Use};
use maftia_activity::keys::{KeyId, KeySummary, Refusal, Scheme, State};
use maftia_threshold::export;
use maftia_types::Power;

use super::sign::purpose;
use super::{of_name, refusal};

fn key(id: u32, name: &str, state: State) -> KeySummary {
    KeySummary {
        id: KeyId(id),
        name: name.to_owned(),
        scheme: Scheme::Ed25519,
        state,
        version: None,
        public_key: None,
        transcript: None,
        holders: 0,
        exposed: 0,
        policy: Policy::of(Scheme::Ed25519),
    }
}

#[test]
fn a_name_means_the_key_in_use_and_a_retired_one_only_without_it() {
    let old = || key(1, "a", State::Retired);
    let id = |keys| of_name(keys, "a").map(|key: KeySummary| key.id.0);
    assert_eq!(id(vec![]), None);
    assert_eq!(id(vec![key(3, "b", State::Active)]), None);
    assert_eq!(id(vec![old(), key(2, "a", State::Retired)]), Some(2));
    for state in [State::Active, State::Generating] {
        assert_eq!(id(vec![old(), key(2, "a", state)]), Some(2));
        assert_eq!(id(vec![key(0, "a", state), old()]), Some(0));
    }
    // While a key is replaced, it is the one to use.
    let both = vec![key(1, "a", State::Active), key(2, "a", State::Generating)];
    assert_eq!(id(both), Some(1));
}

#[test]
fn an_ssh_signature_is_made_only_of_its_message_and_only_when_asked_for() {
    let ssh = b"SSHSIG and the rest";
    for plain in ["", "format=raw"] {
        assert!(purpose(plain, b"a file").is_ok());
        assert!(purpose(plain, b"SSHSI").is_ok());
        assert!(purpose(plain, ssh).is_err());
    }
    assert!(purpose("format=sshsig", ssh).is_ok());
    assert!(purpose("format=cms", ssh).is_err());
    for (query, message) in [
        ("format=sshsig", &b"a file"[..]),
        ("format=pgp", b"a file"),
        ("purpose=raw", b"a file"),
        ("format=%g0", b"a file"),
        ("register=chain", b"a file"),
        ("slot=7", b"a file"),
        ("register=chain&slot=-7", b"a file"),
    ] {
        assert!(purpose(query, message).is_err(), "{query}");
    }
}

#[test]
fn a_cms_signature_is_made_only_of_its_attributes_and_a_certificate_of_nothing_sent() {
    let attributes = export::cms_message(b"a file");
    let certificate = export::certificate_message(&[7; 32], "signing").unwrap();
    assert!(purpose("format=cms", &attributes).is_ok());
    for format in ["", "format=raw", "format=sshsig"] {
        assert!(purpose(format, &attributes).is_err(), "{format}");
    }
    assert!(purpose("format=cms", b"a file").is_err());
    for format in [
        "",
        "format=raw",
        "format=sshsig",
        "format=cms",
        "format=x509",
    ] {
        assert!(purpose(format, &certificate).is_err(), "{format}");
    }
}

#[test]
fn a_signature_is_for_the_slot_that_the_query_names() {
    let slot = purpose("register=a%20b&slot=7", b"a file")
        .unwrap()
        .unwrap();
    assert_eq!((&slot.register[..], slot.number), (&b"a b"[..], 7));
    assert_eq!(purpose("format=raw", b"a file").unwrap(), None);
}

#[test]
fn refusals_have_the_statuses_that_callers_know() {
    let status = |refusal| refusal::key_refused(refusal).into_response().status();
    assert_eq!(status(Refusal::NoSuchKey), 404);
    assert_eq!(status(Refusal::Busy), 409);
    assert_eq!(status(Refusal::Changing), 409);
    assert_eq!(status(Refusal::Retired), 409);
    assert_eq!(status(Refusal::TooManyKeys), 429);
    assert_eq!(status(Refusal::Name), 400);
    let of_use = |refusal| refusal::use_refused(refusal).into_response().status();
    assert_eq!(of_use(Use::Busy), 429);
    assert_eq!(of_use(Use::RateLimited), 429);
    assert_eq!(of_use(Use::Expired), 503);
    assert_eq!(of_use(Use::NotPermitted), 403);
    assert_eq!(of_use(Use::OtherScheme), 409);
    for power in Power::ALL {
        assert_eq!(status(Refusal::NoPower(power)), 403);
        assert_eq!(of_use(Use::NoPower(power)), 403);
    }
    assert_eq!(status(Refusal::RateLimited), 429);
    assert_eq!(status(Refusal::NoSuchProposal), 404);
    assert_eq!(status(Refusal::OtherProposal), 409);
}
