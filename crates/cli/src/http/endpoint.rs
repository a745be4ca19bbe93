use std::net::IpAddr;

use super::Problem;

/// The endpoint without a trailing slash, if it is one we can speak to.
///
/// The agent speaks plain HTTP to its own machine, so a token or value must not leave it.
///
/// # Errors
/// Says what is wrong with it and how a remote agent is reached.
pub(super) fn parse(text: &str) -> Result<String, Problem> {
    let wrong = |what: String| Problem::usage(format!("endpoint `{text}`: {what}"));
    if text.starts_with("https://") {
        return Err(
            wrong("an agent speaks plain HTTP on loopback, not https".into())
                .next("use http://127.0.0.1:7077; reach a remote agent through `ssh -L`"),
        );
    }
    let Some(rest) = text.strip_prefix("http://") else {
        return Err(wrong("it does not begin with http://".into())
            .next("give one like http://127.0.0.1:7077"));
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if !is_authority(authority) {
        return Err(
            wrong("it is not http://HOST:PORT".into()).next("give one like http://127.0.0.1:7077")
        );
    }
    if !is_loopback(host(authority)) {
        return Err(wrong("only agents on this machine can be asked".into())
            .next("forward a port to it: ssh -L 7077:127.0.0.1:7077 HOST"));
    }
    Ok(format!("http://{authority}"))
}

fn is_authority(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let port = text.strip_prefix(host(text)).unwrap_or_default();
    let port_is_sound = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
        None => port.is_empty(),
    };
    !text.is_empty() && text.bytes().all(allowed) && port_is_sound
}

fn host(authority: &str) -> &str {
    match authority.find(']') {
        Some(end) => authority.get(..=end).unwrap_or(authority),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn accepts_loopback_only() {
        for good in [
            "http://127.0.0.1:7077",
            "http://127.0.0.1:7077/",
            "http://localhost:1",
            "http://[::1]:65535",
            "http://127.9.9.9",
        ] {
            assert_eq!(parse(good).unwrap(), good.trim_end_matches('/'));
        }
        for bad in [
            "https://127.0.0.1:7077",
            "127.0.0.1:7077",
            "http://10.0.0.1:7077",
            "http://localhost.example.org:7077",
            "http://127.0.0.1:0",
            "http://127.0.0.1:65536",
            "http://127.0.0.1:",
            "http://user@127.0.0.1:7077",
            "http://127.0.0.1:7077/v1",
            "http://",
        ] {
            let failure = parse(bad).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{bad}");
        }
    }
}
