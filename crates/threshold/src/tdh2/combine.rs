use std::collections::BTreeMap;

use thiserror::Error;
use zeroize::Zeroizing;

use super::{Checked, DecryptionShare, Keys, Scalar, ShareError};
use crate::{Group as _, Index, Ristretto255, lagrange};

/// A ciphertext that was opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// What was encrypted; wiped on drop.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// Who sent a share that is provably wrong.
    pub culprits: Vec<Index>,
}

/// Why shares do not open a ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CombineError {
    /// More shares may help.
    #[error("{sound} sound shares, {needed} are needed")]
    TooFew {
        /// How many shares count.
        sound: usize,
        /// How many are needed.
        needed: usize,
        /// Who sent a share that is provably wrong.
        culprits: Vec<Index>,
    },
    /// Whoever made the ciphertext made it so that it has no plaintext. Everybody gets this result.
    #[error("the ciphertext was made not to be readable")]
    Unreadable {
        /// Who sent a share that is provably wrong.
        culprits: Vec<Index>,
    },
}

/// Opens a ciphertext with shares by participant; sound ones beyond the threshold are not needed
/// and not looked at. Who combines learns the plaintext, so that everybody may with public shares.
///
/// # Errors
/// Too few sound shares, or a ciphertext without plaintext.
pub fn combine(
    keys: &Keys,
    ciphertext: &Checked,
    shares: &BTreeMap<Index, DecryptionShare>,
) -> Result<Opened, CombineError> {
    let needed = keys.threshold();
    let mut culprits = Vec::new();
    let mut sound = BTreeMap::new();
    for (from, share) in shares {
        if sound.len() == needed {
            break;
        }
        match keys.verify_share(ciphertext, *from, share) {
            Ok(()) => {
                sound.insert(*from, share.element);
            }
            Err(ShareError::BadProof) => culprits.push(*from),
            Err(_) => {}
        }
    }
    if sound.len() < needed {
        let sound = sound.len();
        return Err(CombineError::TooFew {
            sound,
            needed,
            culprits,
        });
    }
    let weights = lagrange(Scalar::ZERO, &sound.keys().copied().collect());
    let terms: Vec<_> = weights.into_iter().zip(sound.into_values()).collect();
    let shared = Ristretto255::sum_of_products(&terms);
    match ciphertext.key.open(&ciphertext.ciphertext, &shared) {
        Some(plaintext) => Ok(Opened {
            plaintext,
            culprits,
        }),
        None => Err(CombineError::Unreadable { culprits }),
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("bytes", &self.plaintext.len())
            .field("culprits", &self.culprits)
            .finish_non_exhaustive()
    }
}
