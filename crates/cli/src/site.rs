use std::io::IsTerminal;

use maftia_config::{GroupFile, Kind, SiteFile, load_key, load_token};
use maftia_site::Harness;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::SiteRun;
use crate::failure::{Exit, Failure};

/// Runs a site on this thread until SIGTERM or SIGINT.
pub(crate) fn run(typed: &SiteRun) -> Result<(), Failure> {
    log_to_stderr(typed.json, "info");
    let file = SiteFile::load(&typed.config)?;
    let group = GroupFile::load(&file.group)?;
    let mut sites = group.group().sites.iter().chain(&group.group().joining);
    let Some(entry) = sites.find(|site| site.name == file.name) else {
        let text = format!("the group has no site `{}`", file.name);
        return Err(
            Failure::failed(text).next(format!("correct `name` in {}", typed.config.display()))
        );
    };
    let key = load_key(&file.key)?;
    let named = group.group().sites.iter().chain(&group.group().joining);
    let mut named = named.filter(|site| site.name == entry.name);
    if named.all(|site| site.key != key.public()) {
        let text = format!(
            "the key is not the one the group lists for site `{}`",
            file.name
        );
        return Err(
            Failure::failed(text).next(format!("correct `key` in {}", typed.config.display()))
        );
    }
    let token = match &file.token {
        Some(path) => Some(load_token(path)?.to_string()),
        None => None,
    };
    let harness = harness(typed, &group)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let site = maftia_site::Site {
        group,
        file,
        key,
        token,
        listener: None,
        harness,
    };
    Ok(runtime.block_on(maftia_site::run(site, stop_signal()))?)
}

/// The channel over which `demo` and `dev` order attacks. Nobody else gets one.
fn harness(typed: &SiteRun, group: &GroupFile) -> Result<Option<Harness>, Failure> {
    if !typed.harness {
        return Ok(None);
    }
    let refuse = |why: &str| {
        let text = format!("--harness is for the sites that `demo` and `dev` start: {why}");
        Failure::new(Exit::Usage, text).next("leave --harness out")
    };
    if group.group().kind == Kind::Production {
        return Err(refuse("this group is a production group"));
    }
    Harness::inherit()
        .map(Some)
        .map_err(|error| refuse(&error.to_string()))
}

/// Resolves at SIGTERM or SIGINT.
pub(crate) async fn stop_signal() {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Structured logs on standard error; `MAFTIA_LOG` sets the level.
pub(crate) fn log_to_stderr(json: bool, level: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MAFTIA_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        // A supervised site's standard error is a file.
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter);
    // Only the first call in a process sets the subscriber.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}
