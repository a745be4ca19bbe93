//! What makes the scheme worth having: programs that know nothing of it accept its signatures.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::*;
use crate::export;

const NAMESPACE: &str = "release";

fn signature(keys: &Keys, signers: &[Signer], message: &[u8]) -> [u8; 64] {
    let (session, shares) = signed(keys, signers, message);
    keys.aggregate(&session, &shares).unwrap()
}

/// Whether the program accepts; none where it is not installed, which the tests say and leave at.
fn accepts(command: &mut Command, input: &[u8]) -> Option<bool> {
    let program = command.get_program().to_owned();
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = spawned else {
        println!("{} is not installed: not tried", program.display());
        return None;
    };
    // It may decide before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    Some(child.wait().unwrap().success())
}

#[test]
fn openssl_accepts_a_group_signature() {
    let (keys, signers) = group(4, 3);
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("key.pem"), export::pem(keys.public_key())).unwrap();
    fs::write(path("message"), MESSAGE).unwrap();
    fs::write(path("another"), b"another").unwrap();
    let raw = signature(&keys, &signers[1..], MESSAGE);
    fs::write(path("signature"), raw).unwrap();
    for (message, good) in [("message", true), ("another", false)] {
        let mut command = Command::new("openssl");
        command
            .args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"])
            .arg(path("key.pem"))
            .arg("-in")
            .arg(path(message))
            .arg("-sigfile")
            .arg(path("signature"));
        assert!(accepts(&mut command, b"").is_none_or(|verdict| verdict == good));
    }
}

/// OpenSSL before 3.6 may know Ed25519 and CMS, but not the one in the other.
fn knows_no_ed25519_in_cms(said: &[u8]) -> bool {
    let known = !String::from_utf8_lossy(said).contains("invalid digest");
    if !known {
        println!("this OpenSSL knows no Ed25519 in CMS: not tried");
    }
    !known
}

#[test]
fn openssl_accepts_a_cms_signature_beside_the_certificate_of_the_group() {
    let (keys, signers) = group(4, 3);
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let public = keys.public_key();
    let certified = export::certificate_message(public, "releases").unwrap();
    let certificate = signature(&keys, &signers[1..], &certified);
    let certificate = export::certificate(public, "releases", &certificate).unwrap();
    fs::write(path("certificate"), certificate).unwrap();
    let mut command = Command::new("openssl");
    command
        .args(["verify", "-x509_strict", "-check_ss_sig", "-CAfile"])
        .args([path("certificate"), path("certificate")]);
    assert!(accepts(&mut command, b"").is_none_or(|verdict| verdict));
    let raw = signature(&keys, &signers[1..], &export::cms_message(MESSAGE));
    fs::write(path("signature"), export::cms(public, MESSAGE, &raw)).unwrap();
    fs::write(path("message"), MESSAGE).unwrap();
    fs::write(path("another"), b"another").unwrap();
    for (message, good) in [("message", true), ("another", false)] {
        let mut command = Command::new("openssl");
        command
            .args([
                "cms",
                "-verify",
                "-binary",
                "-inform",
                "PEM",
                "-out",
                "/dev/null",
            ])
            .arg("-in")
            .arg(path("signature"))
            .arg("-content")
            .arg(path(message))
            .arg("-certfile")
            .arg(path("certificate"))
            .arg("-CAfile")
            .arg(path("certificate"));
        let Ok(output) = command.output() else {
            continue;
        };
        if !knows_no_ed25519_in_cms(&output.stderr) {
            assert_eq!(output.status.success(), good, "{output:?}");
        }
    }
}

#[test]
fn openssh_accepts_a_group_signature_in_its_namespace() {
    let (keys, signers) = group(4, 3);
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let line = export::openssh(keys.public_key(), "a group").unwrap();
    fs::write(path("allowed"), format!("group {line}")).unwrap();
    let bytes = export::sshsig_message(NAMESPACE, MESSAGE).unwrap();
    let raw = signature(&keys, &signers[1..], &bytes);
    let armor = export::sshsig(keys.public_key(), NAMESPACE, &raw).unwrap();
    fs::write(path("signature"), armor).unwrap();
    let cases = [
        (NAMESPACE, MESSAGE, true),
        (NAMESPACE, b"another", false),
        ("file", MESSAGE, false),
    ];
    for (namespace, message, good) in cases {
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-Y", "verify", "-I", "group", "-n", namespace, "-f"])
            .arg(path("allowed"))
            .arg("-s")
            .arg(path("signature"));
        assert!(accepts(&mut command, message).is_none_or(|verdict| verdict == good));
    }
}
