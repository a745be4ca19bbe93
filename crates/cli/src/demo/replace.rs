//! A fresh site in the place of the one that was convicted.

use std::time::{Duration, Instant};

use maftia_client::membership::{Members, Told};
use maftia_client::{Client, Outcome, Patience};
use maftia_config::{Kind, SiteFile, save_key};
use maftia_crypto::SigningKey;
use maftia_membership::membership::{Standing, State};
use maftia_membership::{Change, Edit, Member};
use maftia_types::SiteId;

use crate::failure::{Exit, Failure};
use crate::group_dir::make_dir;
use crate::init::FIRST_PORT;
use crate::local::{LocalGroup, free_addresses};

/// How long the group may take to answer one of the questions.
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);
/// How long the change may take: as long as the group gives it.
const CHANGE_PATIENCE: Duration = Duration::from_secs(60);
/// Where the fresh site listens, if that is free: behind the ports of the largest group.
const FRESH_PORT: u16 = FIRST_PORT + 128;
/// How often the group is asked how far it is.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Makes a site, proposes it in the place of `gone`, starts it, and waits until it has that seat.
/// Gives its name.
pub(crate) async fn replace(
    local: &LocalGroup,
    client: &Client,
    gone: &str,
) -> Result<String, Failure> {
    let members = Members::new(client.clone());
    let fresh = make(local, client)?;
    let name = fresh.name.clone();
    let edit = Edit::Replace {
        name: gone.to_owned(),
        with: fresh,
    };
    let change = Change {
        edits: vec![edit],
        f: None,
    };
    let told = members
        .propose(change, None, Patience(Some(ANSWER_PATIENCE)))
        .await;
    let decision = read(told, "proposing the change")?;
    if decision.standing != Standing::Authorised {
        let text = format!("proposal {} needs more approvals", decision.proposal);
        return Err(Failure::failed(text).next("approve it: maftia group approve"));
    }
    let state = show(&members).await?;
    let next = state
        .underway
        .as_ref()
        .map(|own| state.view.next(&own.change));
    let Some(Ok(next)) = next else {
        return Err(Failure::failed("the change is not under way any more"));
    };
    let file = client.group().with_view(&state.view, &next.joiners);
    let file = file.map_err(|error| Failure::failed(error.to_string()))?;
    file.save(&local.dir.site_dir(&name).join("group.toml"))?;
    local.orders.start(&name).await?;
    let deadline = Instant::now() + CHANGE_PATIENCE;
    loop {
        let state = show(&members).await?;
        if state.view.seat_named(&name).is_some() && client.group().site(&name).is_some() {
            return Ok(name);
        }
        if state.underway.is_none() && state.view.seat_named(&name).is_none() {
            let text = format!("the group has given up replacing {gone}");
            return Err(Failure::failed(text).next("see why: maftia group history"));
        }
        if Instant::now() >= deadline {
            let text = format!("{gone} was not replaced within {CHANGE_PATIENCE:?}");
            return Err(Failure::failed(text).next("see what it waits for: maftia group show"));
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// A site's folder, with a key of its own, and what the group must know of it.
fn make(local: &LocalGroup, client: &Client) -> Result<Member, Failure> {
    let group = client.group();
    let taken = |id: &SiteId| group.site(&id.to_string()).is_some();
    let name = SiteId::all(maftia_types::SITES_MAX).find(|id| !taken(id));
    let name = name.ok_or_else(|| Failure::failed("the group has no room for another site"))?;
    let name = name.to_string();
    let [listen, http] = free_addresses(FRESH_PORT, 2)?[..] else {
        return Err(Failure::failed("no free port"));
    };
    let dir = local.dir.site_dir(&name);
    make_dir(&dir)?;
    let key = SigningKey::generate(&mut rand::rng());
    save_key(&dir.join("key"), &key)?;
    let site = SiteFile {
        group: "group.toml".into(),
        name: name.clone(),
        data: "data".into(),
        key: "key".into(),
        listen,
        http: Some(http),
        token: None,
    };
    site.save(&dir.join("site.toml"))?;
    maftia_site::create(&dir.join("data")).map_err(|error| Failure::chain(Exit::Failed, &error))?;
    debug_assert_ne!(
        group.group().kind,
        Kind::Production,
        "a show is no production"
    );
    Ok(Member {
        name,
        key: key.public(),
        address: Some(listen),
        http: None,
    })
}

async fn show(members: &Members) -> Result<State, Failure> {
    read(
        members.show(Patience(Some(ANSWER_PATIENCE))).await,
        "asking for the view",
    )
}

/// What the group has answered.
fn read<R>(told: Told<R>, what: &str) -> Result<R, Failure> {
    let answer = told.map_err(|error| Failure::failed(format!("{what}: {error}")))?;
    match answer.outcome {
        Outcome::Committed {
            result: Ok(result), ..
        } => Ok(result),
        Outcome::Committed {
            result: Err(refusal),
            ..
        } => Err(Failure::failed(format!("{what}: {refusal}"))),
        other => Err(Failure::failed(format!(
            "{what}: {}",
            match other {
                Outcome::Rejected(_) => "refused before it was sent",
                _ => "no answer in time",
            }
        ))),
    }
}
