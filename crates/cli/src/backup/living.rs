//! Which sites of the former group answer still.

use maftia_config::GroupFile;
use maftia_multipoint::is_there;

use crate::http::Problem;

/// The names of the sites that prove to be there, by their keys, at the addresses that are known.
pub(super) fn living(former: &GroupFile) -> Result<Vec<String>, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::failed("runtime", error.to_string()))?;
    let asked = former.sites().map(|(_, site)| {
        let site = site.clone();
        let task = async move { is_there(site.address, &site.key).await.then_some(site.name) };
        runtime.spawn(task)
    });
    let asked: Vec<_> = asked.collect();
    let answers = async {
        let mut names = Vec::new();
        for answer in asked {
            names.extend(answer.await.ok().flatten());
        }
        names
    };
    Ok(runtime.block_on(answers))
}
