/// What a peer can be blamed for. Seen here, over its authenticated link: no proof to others.
///
/// A repetition of what a peer has said already is no fault: links may duplicate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Misbehaviour {
    /// A certificate does not verify.
    BadCertificate,
    /// A share of a coin is none.
    BadCoinShare,
    /// A shard is not the one that its root commits to at its place.
    BadShard,
    /// A signature on a vote does not verify.
    BadVote,
    /// It said one thing, then another, where only one may be said.
    Contradiction,
    /// As the sender, it dispersed shards that belong to no payload.
    Garbled,
    /// What it proposes is not valid to the caller's predicate.
    InvalidProposal,
    /// It speaks as the sender and is not.
    NotTheSender,
    /// Its message is for another epoch than its link.
    OtherEpoch,
    /// A payload, a number or a round is out of its range.
    OutOfRange,
}
