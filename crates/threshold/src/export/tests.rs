use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{
    ExportError, Form, TEXT_BYTES_MAX, certificate, certificate_message, cms, cms_message, openssh,
    pem, sshsig, sshsig_message,
};

const KEY: [u8; 32] = [0x42; 32];

#[test]
fn the_pem_form_is_that_of_rfc_8410() {
    // The example key of RFC 8410 §10.1.
    let key = [
        0x19, 0xbf, 0x44, 0x09, 0x69, 0x84, 0xcd, 0xfe, 0x85, 0x41, 0xba, 0xc1, 0x67, 0xdc, 0x3b,
        0x96, 0xc8, 0x50, 0x86, 0xaa, 0x30, 0xb6, 0xb6, 0xcb, 0x0c, 0x5c, 0x38, 0xad, 0x70, 0x31,
        0x66, 0xe1,
    ];
    let expected = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    assert_eq!(pem(&key), expected);
}

#[test]
fn a_comment_is_optional() {
    let line = openssh(&KEY, "").unwrap();
    assert!(line.starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"));
    assert_eq!(line.split_whitespace().count(), 2);
    assert_eq!(
        openssh(&KEY, "group").unwrap(),
        line.replace('\n', " group\n")
    );
}

#[test]
fn a_text_cannot_begin_another_line() {
    let forged = "x\nssh-ed25519 AAAA attacker";
    assert_eq!(openssh(&KEY, forged), Err(ExportError::Control));
    assert_eq!(sshsig_message(forged, b""), Err(ExportError::Control));
    assert_eq!(sshsig(&KEY, forged, &[0; 64]), Err(ExportError::Control));
}

#[test]
fn texts_are_accepted_up_to_their_limit() {
    let longest = "n".repeat(TEXT_BYTES_MAX);
    let longer = "n".repeat(TEXT_BYTES_MAX + 1);
    let refused = Err(ExportError::TooLong(TEXT_BYTES_MAX + 1));
    assert!(openssh(&KEY, &longest).is_ok());
    assert_eq!(openssh(&KEY, &longer), refused);
    assert!(sshsig_message(&longest, b"").is_ok());
    assert_eq!(sshsig(&KEY, &longer, &[0; 64]), refused);
}

#[test]
fn an_ssh_signature_needs_a_namespace() {
    let refused = ExportError::NoNamespace;
    assert_eq!(sshsig_message("", b"").err(), Some(refused));
    assert_eq!(sshsig(&KEY, "", &[0; 64]).err(), Some(refused));
}

#[test]
fn bytes_to_sign_show_as_what_they_would_be_signed() {
    let ssh = sshsig_message("file", b"text").unwrap();
    let certificate = certificate_message(&KEY, "signing").unwrap();
    for (message, form) in [
        (&ssh[..], Form::Sshsig),
        (&cms_message(b"text"), Form::Cms),
        (&certificate, Form::Certificate),
        (b"text", Form::Plain),
        (b"SSHSI", Form::Plain),
        (&cms_message(b"text")[2..], Form::Plain),
        (b"", Form::Plain),
    ] {
        assert_eq!(Form::of(message), form);
    }
}

#[test]
fn a_form_is_the_same_for_the_same_content_and_ends_with_its_signature() {
    assert_eq!(cms_message(b"text"), cms_message(b"text"));
    assert_ne!(cms_message(b"text"), cms_message(b"tex"));
    let signature = core::array::from_fn(|place| u8::try_from(place).unwrap());
    for text in [
        cms(&KEY, b"text", &signature),
        certificate(&KEY, "signing", &signature).unwrap(),
    ] {
        let lines: Vec<_> = text.lines().collect();
        let body = lines[1..lines.len() - 1].concat();
        let der = STANDARD.decode(body).unwrap();
        assert!(der.ends_with(&signature));
        // One structure, of the length that its head says.
        assert_eq!(der[..2], [0x30, 0x82]);
        let length = usize::from(u16::from_be_bytes([der[2], der[3]]));
        assert_eq!(der.len(), 4 + length);
    }
}

#[test]
fn a_certificate_s_name_has_1_to_64_characters() {
    let longest = "ä".repeat(64);
    assert!(certificate_message(&KEY, &longest).is_ok());
    for (name, error) in [
        ("", ExportError::Name(0)),
        (&(longest + "a"), ExportError::Name(65)),
        ("a\nb", ExportError::Control),
    ] {
        assert_eq!(certificate_message(&KEY, name), Err(error));
    }
}

#[test]
fn armor_lines_are_as_long_as_the_format_wants() {
    let text = sshsig(&KEY, "file", &[7; 64]).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    assert_eq!(first, "-----BEGIN SSH SIGNATURE-----");
    assert_eq!(last, "-----END SSH SIGNATURE-----");
    let body = &lines[1..lines.len() - 1];
    assert!(body[..body.len() - 1].iter().all(|line| line.len() == 70));
    assert!(body[body.len() - 1].len() <= 70);
}
