use serde::Deserialize;

use crate::ruling::RulingReport;

/// What a site says of itself and the others: one site's word. Fields that are not needed are
/// ignored, so that sites may be newer.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) state: String,
    /// How many changes of the sites it has come to.
    #[serde(default)]
    pub(crate) epoch: u64,
    pub(crate) position: u64,
    pub(crate) checkpoint: Option<Checkpoint>,
    #[serde(default)]
    pub(crate) convicted: Vec<String>,
    #[serde(default)]
    pub(crate) suspected: Vec<SuspicionReport>,
    #[serde(default)]
    pub(crate) evidence: Vec<EvidenceReport>,
    #[serde(default)]
    pub(crate) keys: Vec<KeyReport>,
    #[serde(default)]
    pub(crate) peers: Vec<PeerReport>,
    /// None of a site that does not know the rules yet.
    #[serde(default)]
    pub(crate) ruling: Option<RulingReport>,
    pub(crate) pid: Option<u32>,
}

/// The state after a commit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, serde::Serialize)]
pub struct Checkpoint {
    /// The commit.
    pub index: u64,
    /// The digest of the state.
    pub digest: String,
}

/// What a site says of a key of the group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, serde::Serialize)]
pub struct KeyReport {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub scheme: String,
    /// Where it is in its life.
    pub state: String,
    /// How often its shares were exchanged for others.
    pub version: Option<u32>,
    /// In hexadecimal digits.
    pub public_key: Option<String>,
}

/// A suspicion in the log.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SuspicionReport {
    pub(crate) site: String,
    pub(crate) reason: String,
}

/// What a site says of a proof in the log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, serde::Serialize)]
pub(crate) struct EvidenceReport {
    /// The commit that brought it.
    pub(crate) commit: u64,
    /// Names the proof.
    #[serde(rename(serialize = "id"))]
    pub(crate) digest: String,
    /// Of what it convicts.
    pub(crate) kind: String,
    /// Whom it convicts.
    #[serde(rename(serialize = "culprit"))]
    pub(crate) site: String,
    /// The culprit's public key, in hexadecimal digits.
    pub(crate) key: String,
    /// The round of the signed statements.
    pub(crate) round: u64,
    /// Time of the commit, in milliseconds since 1970.
    pub(crate) time_ms: u64,
    /// Whose block brought it.
    pub(crate) reporter: String,
}

/// How a site sees another.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PeerReport {
    pub(crate) name: String,
    pub(crate) link: String,
    pub(crate) state: String,
}

impl PeerReport {
    pub(crate) fn is_fine(&self) -> bool {
        // What else a site suspects it of is for the group to say.
        self.link == "up" && self.state != "mute"
    }
}
