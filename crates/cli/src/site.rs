use maftia_config::{GroupFile, SiteFile, load_key, load_token};
use maftia_multipoint::Peer;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::SiteRun;
use crate::failure::Failure;

/// Runs a site on this thread until SIGTERM or SIGINT.
pub(crate) fn run(typed: &SiteRun) -> Result<(), Failure> {
    log_to_stderr(typed.json);
    let file = SiteFile::load(&typed.config)?;
    let group = GroupFile::load(&file.group)?;
    let Some((me, _)) = group.site(&file.name) else {
        let text = format!("the group has no site `{}`", file.name);
        return Err(
            Failure::failed(text).next(format!("correct `name` in {}", typed.config.display()))
        );
    };
    let key = load_key(&file.key)?;
    if group.peer(&key.public()) != Some(Peer::Site(me)) {
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
    };
    Ok(runtime.block_on(maftia_site::run(site, stop_signal()))?)
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
pub(crate) fn log_to_stderr(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MAFTIA_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter);
    // Only the first call in a process sets the subscriber.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}
