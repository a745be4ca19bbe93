use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher, PublicKey};
use maftia_membership::{Membership, View};
use maftia_ordering::{Frontier, Parameters};
use maftia_types::{Digest, Epoch, FaultModel, Resilience};

use crate::tree::Tree;

const CHECKPOINT: Domain = Domain::new("checkpoint");
const MEMBERS: Domain = Domain::new("members");

/// Whose checkpoints: the group, at this time of its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Realm {
    /// The digest of the configuration that the group began with: its name in every epoch.
    pub group: Digest,
    /// The span of one membership.
    pub epoch: Epoch,
    /// Covers the fault model, its numbers and the sites' keys.
    pub members: Digest,
}

/// What a checkpoint says of itself. With the top of the [`Tree`] over the chunks it makes the
/// digest that sites vote for and that the group key signs, so that an outsider who knows that
/// digest knows all of this, and any chunk that is shown to him.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Whose checkpoint it is.
    pub realm: Realm,
    /// k.
    pub commit: u64,
    /// C_k.
    pub chain: Digest,
    /// The agreed time of commit k, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// How many chunks are the replica's own. Those of the application follow them.
    pub parts: u32,
    /// How many chunks there are.
    pub chunks: u32,
}

impl Realm {
    /// Of the ordered state: who catches up has another engine, but makes the same checkpoint. A
    /// group whose sites never change has no membership; the engine's parameters are then the
    /// group's.
    pub(crate) fn new(
        membership: Option<&Membership>,
        parameters: &Parameters,
        keys: &[PublicKey],
    ) -> Self {
        match membership.map(Membership::view) {
            None => Self {
                group: parameters.config,
                epoch: parameters.epoch,
                members: members(&parameters.resilience, keys),
            },
            Some(view) => Self::of(view),
        }
    }

    /// Of a group with that view.
    #[must_use]
    pub fn of(view: &View) -> Self {
        Self {
            group: *view.group(),
            epoch: view.epoch(),
            members: members(&view.resilience(), &view.keys()),
        }
    }
}

fn members(resilience: &Resilience, keys: &[PublicKey]) -> Digest {
    let mut hasher = Hasher::new(MEMBERS);
    let model = match resilience.model() {
        FaultModel::Arbitrary => 1,
        FaultModel::Hybrid => 2,
        FaultModel::Crash => 3,
    };
    hasher
        .number(model)
        .number(resilience.sites() as u64)
        .number(resilience.intruded_max() as u64)
        .number(resilience.stopped_max() as u64);
    keys.iter().for_each(|key| {
        hasher.update(key.as_bytes());
    });
    hasher.finish()
}

impl Head {
    pub(crate) fn new(realm: Realm, frontier: &Frontier, parts: usize, chunks: usize) -> Self {
        let count = |chunks| u32::try_from(chunks).expect("a manifest is far shorter");
        Self {
            realm,
            commit: frontier.index,
            chain: frontier.digest,
            time_ms: frontier.time_ms,
            parts: count(parts),
            chunks: count(chunks),
        }
    }

    /// The checkpoint's digest.
    pub(crate) fn digest(&self, tree: &Tree) -> Digest {
        let mut hasher = Hasher::new(CHECKPOINT);
        hasher
            .update(&self.to_bytes())
            .update(tree.top().as_bytes());
        hasher.finish()
    }

    /// The digest of the checkpoint that has this head and chunks with these digests; `None` if there
    /// are not as many as the head says, or too few to be a checkpoint.
    #[must_use]
    pub fn over(&self, digests: Vec<Digest>) -> Option<Digest> {
        let count = usize::try_from(self.chunks) == Ok(digests.len());
        let fits = count && (1..self.chunks).contains(&self.parts);
        fits.then(|| self.digest(&Tree::new(digests, None)))
    }

    /// The tree over a manifest, if both are those of the checkpoint with this digest.
    pub(crate) fn open(&self, digest: Digest, manifest: Vec<Digest>) -> Option<Tree> {
        let fits = !manifest.is_empty() && usize::try_from(self.chunks) == Ok(manifest.len());
        let tree = fits.then(|| Tree::new(manifest, None))?;
        (self.digest(&tree) == digest).then_some(tree)
    }
}

impl Wire for Head {
    fn encode(&self, writer: &mut Writer) {
        writer.digest(&self.realm.group);
        writer.epoch(self.realm.epoch);
        writer.u64(self.commit);
        writer.digest(&self.chain);
        writer.u64(self.time_ms);
        writer.digest(&self.realm.members);
        writer.u32(self.parts);
        writer.u32(self.chunks);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let (group, epoch) = (reader.digest()?, reader.epoch()?);
        let (commit, chain, time_ms) = (reader.u64()?, reader.digest()?, reader.u64()?);
        let members = reader.digest()?;
        Ok(Self {
            realm: Realm {
                group,
                epoch,
                members,
            },
            commit,
            chain,
            time_ms,
            parts: reader.u32()?,
            chunks: reader.u32()?,
        })
    }
}
