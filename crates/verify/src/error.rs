use core::fmt;

/// Why bytes prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofError {
    /// The certificate is not the group's under the checkpoint that the rest leads to.
    Certificate,
    /// The value is not the one of which the page has the digest, or there is one too many.
    Value,
    /// It is well-formed, but not what shows the key, or that it is absent.
    Inconclusive,
    /// A page or the meta chunk is malformed.
    Malformed,
    /// It is longer than any proof.
    TooLong,
    /// It does not begin as a proof does.
    NotAProof,
    /// A path does not lead to the top of the tree.
    Path,
    /// It ends too early.
    Short,
    /// What it says is of no ceremony.
    Statement,
    /// Bytes follow it.
    Trailing,
    /// A proof, but of a kind that this version does not know.
    UnknownKind,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => {
                "the certificate is not valid under this key: the proof was altered, or it is \
                 another group's"
            }
            Self::Value => "the value is not the one that the group has certified",
            Self::Inconclusive => "what it shows decides nothing about the key",
            Self::Malformed => "what it shows is no part of a key-value store",
            Self::TooLong => "it is longer than any proof",
            Self::NotAProof => "it does not begin as a proof does",
            Self::Path => "a path does not lead to the top of the tree",
            Self::Short => "it ends too early",
            Self::Statement => "what it says is of no ceremony",
            Self::Trailing => "bytes follow it",
            Self::UnknownKind => "it is of a kind that this version does not know",
        })
    }
}

impl core::error::Error for ProofError {}
