//! Proofs in the group's ordered state, as f+1 sites have them.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::Wire;
use maftia_crypto::PublicKey;
use maftia_membership::evidence::Exhibit;
use maftia_types::Digest;

use crate::Client;
use crate::inquiry::Inquiry;

/// What the sites say of a proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// f+1 sites have it with the same report, and it holds under the key that they name.
    Exhibit(Box<Exhibit>),
    /// Too few answer, or they do not agree.
    Undecided,
    /// f+1 sites answer that they do not have it.
    Unknown,
}

impl Client {
    /// The proof of this name. The proof is checked here; how it was reported is believed of f+1.
    pub async fn evidence(&self, id: Digest) -> Told {
        let answers = self.inquire(Inquiry::Evidence(id)).await;
        let needed = self.group().resilience().one_correct();
        agreed(&id, needed, answers.into_iter().flatten())
    }
}

fn agreed(id: &Digest, needed: usize, answers: impl Iterator<Item = Bytes>) -> Told {
    let mut votes: BTreeMap<Bytes, usize> = BTreeMap::new();
    answers.for_each(|said| *votes.entry(said).or_default() += 1);
    let believed = votes.into_iter().find(|(_, count)| *count >= needed);
    match believed {
        None => Told::Undecided,
        Some((said, _)) if said.is_empty() => Told::Unknown,
        Some((said, _)) => checked(id, said).map_or(Told::Undecided, Told::Exhibit),
    }
}

/// What f+1 sites say holds; they could only be wrong if more than f are intruded.
fn checked(id: &Digest, said: Bytes) -> Option<Box<Exhibit>> {
    let exhibit = Exhibit::from_bytes(said).ok()?;
    let key = PublicKey::new(exhibit.key).ok()?;
    exhibit.proof.verify(&key).ok()?;
    (exhibit.proof.digest() == *id).then(|| Box::new(exhibit))
}

#[cfg(test)]
mod tests {
    use maftia_crypto::SigningKey;
    use maftia_membership::evidence::{Proof, Report};
    use maftia_ordering::{Block, Equivocation, Header, payload_digest};
    use maftia_types::{Epoch, Round, SiteId};

    use super::*;

    fn exhibit(signer: u8, commit: u64) -> Exhibit {
        let block = |time_ms| {
            let header = Header {
                config: Digest([1; 32]),
                epoch: Epoch(0),
                round: Round(3),
                author: SiteId::new(2).unwrap(),
                parents: Vec::new(),
                payload_digest: payload_digest(b""),
                payload_len: 0,
                coin_shares: Vec::new(),
                commit_vote: None,
                checkpoint_vote: None,
                time_ms,
            };
            Block::sign(header, &SigningKey::from_seed([signer; 32]))
        };
        Exhibit {
            proof: Proof::from(Equivocation::new(block(1), block(2)).unwrap()),
            key: *SigningKey::from_seed([7; 32]).public().as_bytes(),
            report: Report {
                commit,
                time_ms: 5,
                reporter: SiteId::new(1).unwrap(),
            },
        }
    }

    fn told(id: &Exhibit, answers: &[Option<&Exhibit>]) -> Told {
        let bytes = |own: &Option<&Exhibit>| own.map(Wire::to_bytes).unwrap_or_default();
        agreed(&id.proof.digest(), 2, answers.iter().map(bytes))
    }

    #[test]
    fn f_plus_1_equal_answers_are_believed_and_f_are_not() {
        let (own, lie) = (exhibit(7, 10), exhibit(7, 11));
        let believed = Told::Exhibit(Box::new(own.clone()));
        assert_eq!(told(&own, &[Some(&own), Some(&lie), Some(&own)]), believed);
        assert_eq!(told(&own, &[Some(&own), Some(&lie), None]), Told::Undecided);
        assert_eq!(told(&own, &[None, Some(&own), None]), Told::Unknown);
        assert_eq!(told(&own, &[]), Told::Undecided);
    }

    #[test]
    fn not_even_f_plus_1_sites_are_believed_a_proof_that_does_not_hold_or_is_another() {
        let forged = exhibit(8, 10);
        assert_eq!(told(&forged, &[Some(&forged); 4]), Told::Undecided);
        let (own, forged) = (exhibit(7, 10), exhibit(8, 10));
        assert_eq!(told(&forged, &[Some(&own); 4]), Told::Undecided);
    }
}
