//! Keys that no site holds, used by programs that have never heard of us.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Group, alone, last_json, signal, text, until};

const NOTES: &[u8] = b"what the group signs\n";

/// Runs another program; none if this machine does not have it.
fn foreign(program: &str, arguments: &[&str], stdin: Option<&Path>) -> Option<Output> {
    let stdin = stdin.map_or(Stdio::null(), |path| fs::File::open(path).unwrap().into());
    let run = Command::new(program).args(arguments).stdin(stdin).output();
    match run {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: {program}: {error}");
            None
        }
    }
}

/// A group, a folder, and a file in it to sign.
struct Signing<'a> {
    group: &'a Group,
    dir: &'a Path,
}

impl Signing<'_> {
    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    /// Runs a command that must succeed, with one JSON object as its output.
    fn done(&self, arguments: &[&str]) -> Value {
        let output = self
            .group
            .run(&[arguments, &["--json", "--timeout", "60"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        last_json(&output)
    }

    fn public_key(&self) -> Value {
        self.done(&["key", "show", "signing"])["public_key"].clone()
    }

    /// Signs the file, and has OpenSSL and ourselves check that.
    fn sign_raw(&self, signature: &str) {
        let (file, signature) = (self.path("notes"), self.path(signature));
        self.done(&["key", "sign", "signing", &file, "-o", &signature]);
        self.done(&["key", "verify", "signing", &file, &signature]);
        let pem = self.path("signing.pem");
        self.done(&["key", "export", "signing", "--format", "pem", "-o", &pem]);
        let check = [
            "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", &pem, "-in", &file, "-sigfile",
            &signature,
        ];
        if let Some(output) = foreign("openssl", &check, None) {
            assert!(output.status.success(), "{output:?}");
        }
        let other = self.path("other");
        let refused = self
            .group
            .run(&["key", "verify", "signing", &other, &signature]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(text(&refused.stderr).contains("[bad-signature]"));
    }

    /// Signs the file as SSH does, and has OpenSSH and ourselves check that.
    fn sign_ssh(&self) {
        let (file, signature) = (self.path("notes"), self.path("notes.sshsig"));
        let ssh = ["--format", "sshsig", "--namespace", "notes"];
        let sign = ["key", "sign", "signing", &file, "-o", &signature];
        self.done(&[&sign[..], &ssh].concat());
        let verify = ["key", "verify", "signing", &file, &signature];
        self.done(&[&verify[..], &ssh].concat());
        let line = self
            .group
            .run(&["key", "export", "signing", "--format", "openssh"]);
        let allowed = self.path("allowed");
        fs::write(&allowed, format!("group {}", text(&line.stdout))).unwrap();
        let check = [
            "-Y", "verify", "-f", &allowed, "-I", "group", "-n", "notes", "-s", &signature,
        ];
        for (name, valid) in [("notes", true), ("other", false)] {
            if let Some(output) = foreign("ssh-keygen", &check, Some(&self.dir.join(name))) {
                assert_eq!(output.status.success(), valid, "{output:?}");
            }
        }
    }

    /// Signs the file as CMS does, and has OpenSSL and ourselves check that.
    fn sign_cms(&self) {
        let (file, signature) = (self.path("notes"), self.path("notes.cms"));
        let certificate = self.path("signing.crt");
        let format = ["--format", "cms"];
        let sign = ["key", "sign", "signing", &file, "-o", &signature];
        self.done(&[&sign[..], &format].concat());
        let verify = ["key", "verify", "signing", &file, &signature];
        self.done(&[&verify[..], &format].concat());
        let export = [
            "key",
            "export",
            "signing",
            "--format",
            "x509",
            "-o",
            &certificate,
        ];
        self.done(&export);
        let itself = [
            "verify",
            "-x509_strict",
            "-check_ss_sig",
            "-CAfile",
            &certificate,
            &certificate,
        ];
        if let Some(output) = foreign("openssl", &itself, None) {
            assert!(output.status.success(), "{output:?}");
        }
        for (name, valid) in [("notes", true), ("other", false)] {
            let content = self.path(name);
            let check = [
                "cms",
                "-verify",
                "-binary",
                "-inform",
                "PEM",
                "-in",
                &signature,
                "-content",
                &content,
                "-certfile",
                &certificate,
                "-CAfile",
                &certificate,
                "-out",
                "/dev/null",
            ];
            if let Some(output) = foreign("openssl", &check, None)
                && !text(&output.stderr).contains("invalid digest")
            {
                assert_eq!(output.status.success(), valid, "{output:?}");
            }
        }
    }

    fn latest_round(&self) -> Option<u64> {
        let output = self.group.run(&["beacon", "latest", "--json"]);
        last_json(&output)["round"].as_u64()
    }

    /// Waits until the keys that a group makes by itself can be used.
    fn await_keys(&self) {
        until("the first keys are made", || {
            let listed = self.done(&["key", "list"]);
            let keys = listed["keys"].as_array().unwrap();
            let active = keys.iter().filter(|key| key["state"] == "active");
            (active.count() == 3).then_some(())
        });
    }
}

#[test]
fn a_group_signs_what_openssl_and_openssh_accept_also_without_a_site_and_after_a_refresh() {
    let _alone = alone();
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let group = Group::dev(home.path());
    let signing = Signing {
        group: &group,
        dir: files.path(),
    };
    fs::write(signing.path("notes"), NOTES).unwrap();
    fs::write(signing.path("other"), b"something else\n").unwrap();
    signing.await_keys();
    let public = signing.public_key();
    signing.sign_raw("first.sig");
    signing.sign_ssh();
    signing.sign_cms();
    signal(group.site_pid("B"), Signal::KILL);
    signing.sign_raw("second.sig");
    let refreshed = signing.done(&["key", "refresh", "signing"]);
    assert_eq!(
        (&refreshed["version"], &refreshed["public_key"]),
        (&1.into(), &public)
    );
    signing.sign_raw("third.sig");
    assert_eq!(signing.public_key(), public);
    let first = until("a round of the beacon", || signing.latest_round());
    let later = until("a later round", || {
        signing.latest_round().filter(|it| *it > first)
    });
    let later = later.to_string();
    assert_eq!(signing.done(&["beacon", "verify", &later])["valid"], true);
    assert_eq!(group.status()["compromised"], serde_json::json!([]));
}

#[test]
fn a_group_opens_a_file_for_those_its_key_names_and_refuses_what_it_must() {
    let _alone = alone();
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let group = Group::dev(home.path());
    let signing = Signing {
        group: &group,
        dir: files.path(),
    };
    signing.await_keys();
    let create = [
        "key", "create", "vault", "--scheme", "seal", "--user", "agent",
    ];
    let made = signing.done(&create);
    assert_eq!(
        (&made["state"], &made["scheme"]),
        (&"active".into(), &"seal".into())
    );
    let taken = group.run(&create);
    assert_eq!(taken.status.code(), Some(1), "{taken:?}");
    assert!(
        text(&taken.stderr).contains("next: maftia key list"),
        "{taken:?}"
    );
    let (file, sealed, opened) = (
        signing.path("notes"),
        signing.path("sealed"),
        signing.path("opened"),
    );
    fs::write(&file, NOTES).unwrap();
    signing.done(&["key", "encrypt", "vault", &file, "-o", &sealed]);
    signing.done(&["key", "decrypt", "vault", &sealed, "-o", &opened]);
    assert_eq!(fs::read(&opened).unwrap(), NOTES);
    let bls = signing.path("bls.sig");
    signing.done(&["key", "sign", "group", &file, "-o", &bls]);
    signing.done(&["key", "verify", "group", &file, &bls]);
    fs::write(&file, b"SSHSIG and more").unwrap();
    let refused = group.run(&["key", "sign", "signing", &file]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    signing.done(&["key", "retire", "vault"]);
    let gone = group.run(&["key", "decrypt", "vault", &sealed, "-o", &opened]);
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    assert!(text(&gone.stderr).contains("[key-retired]"), "{gone:?}");
    let status = signing.done(&["ceremony", "status"]);
    assert_eq!(status["ceremonies"], serde_json::json!([]));
}
