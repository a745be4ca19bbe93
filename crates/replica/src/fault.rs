/// What a replica blames a peer for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// Certificates that should lead on from this site's view, and do not.
    #[error("certificates of views that do not verify")]
    BadChain,
    /// A chunk or manifest that does not match the checkpoint f+1 sites agree on.
    #[error("a piece of state that does not match the agreed checkpoint")]
    ForeignChunk,
    /// Of what is said about the next view.
    #[error(transparent)]
    Handover(maftia_membership::handover::Misbehaviour),
    /// Something the ordering engine saw.
    #[error(transparent)]
    Ordering(#[from] maftia_ordering::Misbehaviour),
}
