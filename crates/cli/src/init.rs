use maftia_config::{Kind, consecutive};
use serde_json::json;

use crate::args;
use crate::failure::{Exit, Failure};
use crate::group_dir::{GroupDir, Wanted};
use crate::output;

/// The first port of sites that are given no addresses.
pub(crate) const FIRST_PORT: u16 = 7101;

pub(crate) fn run(typed: &args::Init) -> Result<(), Failure> {
    if let Some(args::InitCommand::Joiner(typed)) = &typed.what {
        return crate::joiner::run(typed);
    }
    let Some(dir) = &typed.dir else {
        let text = "no folder was named";
        return Err(Failure::new(Exit::Usage, text).next("name a new one with --dir"));
    };
    let count = usize::from(typed.sites);
    let addresses = match typed.addresses.len() {
        0 => consecutive(([127, 0, 0, 1], FIRST_PORT).into(), count).unwrap_or_default(),
        given if given == count => typed.addresses.clone(),
        given => {
            let text = format!("{count} sites need {count} addresses, {given} were given");
            return Err(Failure::new(Exit::Usage, text).next("give --address once per site"));
        }
    };
    let dir = GroupDir::new(dir);
    let group = dir.create(Wanted {
        name: "maftia".into(),
        kind: Kind::Production,
        model: typed.model,
        sites: addresses,
        http: Vec::new(),
        clients: typed.clients.clone(),
        fast_path: typed.fast_path,
        asynchronous: typed.asynchronous,
        member_approvals: typed.member_approvals,
    })?;
    if typed.json {
        return output::json(&json!({
            "dir": dir.path(),
            "group": group.digest().to_string(),
            "sites": group.sites().map(|(_, site)| &site.name).collect::<Vec<_>>(),
            "model": group.resilience().model().to_string(),
            "tolerance": group.resilience().faulty_max(),
            "fast_path": group.group().fast_path,
            "asynchronous": group.group().asynchronous.as_str(),
            "member_approvals": group.group().members.approvals,
        }));
    }
    let tolerated = match (
        group.resilience().intruded_max(),
        group.resilience().stopped_max(),
    ) {
        (f, 0) => format!("{f} intruded ones"),
        (_, c) => format!("{c} stopped ones and no intruded one"),
    };
    output::line(format!(
        "a group of {count} sites that tolerates {tolerated}, in {}\nfingerprint {}",
        dir.path().display(),
        group.digest()
    ));
    for (_, site) in group.sites() {
        let config = dir.site_config(&site.name);
        output::line(format!("  maftia site run --config {}", config.display()));
    }
    output::line(format!(
        "next: move each folder of {} to its machine, with group.toml two folders above it, and \
         start it there",
        dir.path().join("sites").display()
    ));
    Ok(())
}
