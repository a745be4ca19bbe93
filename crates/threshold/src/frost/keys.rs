use std::collections::BTreeMap;
use std::fmt;

use frost_ed25519 as frost;
use frost_ed25519::keys::{KeyPackage, PublicKeyPackage, SigningShare, VerifyingShare};
use thiserror::Error;

use super::{AggregateError, Nonce, ShareError, SignError, SignatureShare, SigningPackage};
use crate::{BadShare, Ed25519, Group as _, Index, Scope, Share, Sharing};

/// The public side of a sharing: checks shares and puts signatures together, in one epoch.
#[derive(Debug, Clone)]
pub struct Keys {
    scope: Scope,
    public: [u8; 32],
    threshold: u8,
    package: PublicKeyPackage,
}

/// A participant that can sign. Neither copied nor printed; its secret is wiped on drop.
pub struct Signer {
    pub(super) keys: Keys,
    pub(super) index: Index,
    // Boxed: a move then copies a pointer and leaves no second image of the share.
    pub(super) package: Box<KeyPackage>,
}

/// The public key or a public share is the identity, so that everybody knows the secret behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the sharing has the identity for a public key or share")]
pub struct KnownSecret;

impl Keys {
    /// The public side of a sharing.
    ///
    /// # Errors
    /// [`KnownSecret`], which no sharing with an honest dealer has.
    pub fn new(scope: Scope, sharing: &Sharing<Ed25519>) -> Result<Self, KnownSecret> {
        let public = Ed25519::encode(&sharing.key());
        let verifying = frost::VerifyingKey::deserialize(&public).map_err(|_| KnownSecret)?;
        let shares = sharing
            .committee()
            .indices()
            .filter_map(|index| Some((index, sharing.public_share(index)?)))
            .map(|(index, element)| {
                let share = VerifyingShare::deserialize(&Ed25519::encode(&element));
                Ok((identifier(index), share.map_err(|_| KnownSecret)?))
            })
            .collect::<Result<_, _>>()?;
        let threshold = sharing.committee().threshold();
        Ok(Self {
            scope,
            public,
            threshold,
            package: PublicKeyPackage::new(shares, verifying, Some(threshold.into())),
        })
    }

    /// The group's public key, as RFC 8032 encodes it.
    #[must_use]
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.public
    }

    /// How many participants sign together.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold.into()
    }

    /// Group and epoch.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Checks that `share` is what participant `from` owes in that session.
    ///
    /// # Errors
    /// [`ShareError`]; only [`ShareError::BadShare`] proves a fault of the sender.
    pub fn verify_share(
        &self,
        session: &SigningPackage,
        from: Index,
        share: &SignatureShare,
    ) -> Result<(), ShareError> {
        if !session.is_of(self) || share.session != session.digest() {
            return Err(ShareError::OtherSession);
        }
        if session.commitment(from).is_none() {
            return Err(ShareError::NotNamed(from));
        }
        let identifier = identifier(from);
        let verifying = self
            .package
            .verifying_shares()
            .get(&identifier)
            .ok_or(ShareError::NotNamed(from))?;
        frost_core::verify_signature_share(
            identifier,
            verifying,
            &share.inner,
            session.inner(),
            self.package.verifying_key(),
        )
        .map_err(|_| ShareError::BadShare)
    }

    /// The signature that the shares of all named participants make: 64 bytes of RFC 8032, checked.
    /// Shares of others and of other sessions are left out.
    ///
    /// # Errors
    /// Missing shares, or wrong ones with everybody who sent one.
    pub fn aggregate(
        &self,
        session: &SigningPackage,
        shares: &BTreeMap<Index, SignatureShare>,
    ) -> Result<[u8; 64], AggregateError> {
        if !session.is_of(self) {
            return Err(AggregateError::OtherKey);
        }
        let answer = |index: &Index| {
            let share = shares.get(index)?;
            (share.session == session.digest()).then_some(share.inner)
        };
        let missing: Vec<_> = session.named().filter(|i| answer(i).is_none()).collect();
        if !missing.is_empty() {
            return Err(AggregateError::Missing(missing));
        }
        let answers = session
            .named()
            .filter_map(|index| Some((identifier(index), answer(&index)?)))
            .collect();
        let all = frost::CheaterDetection::AllCheaters;
        frost::aggregate_custom(session.inner(), &answers, &self.package, all)
            .ok()
            .and_then(|signature| signature.serialize().ok()?.try_into().ok())
            .ok_or_else(|| AggregateError::BadShares {
                culprits: self.culprits(session, shares),
            })
    }

    pub(super) fn has(&self, index: Index) -> bool {
        self.package
            .verifying_shares()
            .contains_key(&identifier(index))
    }

    fn culprits(
        &self,
        session: &SigningPackage,
        shares: &BTreeMap<Index, SignatureShare>,
    ) -> Vec<Index> {
        let wrong = |index: &Index| {
            let share = shares.get(index);
            share.is_some_and(|share| self.verify_share(session, *index, share).is_err())
        };
        session.named().filter(wrong).collect()
    }
}

impl Signer {
    /// A participant with its share of the key.
    ///
    /// # Errors
    /// A share of another sharing: one from before the last resharing, or damaged.
    pub fn new(keys: Keys, share: &Share<Ed25519>) -> Result<Self, BadShare> {
        let index = share.index();
        let name = identifier(index);
        let public = VerifyingShare::deserialize(&Ed25519::encode(&share.public()))
            .map_err(|_| BadShare(index))?;
        if keys.package.verifying_shares().get(&name) != Some(&public) {
            return Err(BadShare(index));
        }
        let signing = SigningShare::deserialize(share.to_bytes().as_ref())
            .expect("both generations of the curve have the same canonical scalars");
        let verifying = *keys.package.verifying_key();
        let threshold = keys.threshold.into();
        Ok(Self {
            package: Box::new(KeyPackage::new(name, signing, public, verifying, threshold)),
            keys,
            index,
        })
    }

    /// The public side.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Who this is.
    #[must_use]
    pub const fn index(&self) -> Index {
        self.index
    }

    /// Answers a session, at the price of the nonce.
    ///
    /// # Errors
    /// [`SignError`]: the session is not one for this participant and nonce.
    pub fn sign_share(
        &self,
        nonce: Nonce,
        session: &SigningPackage,
    ) -> Result<SignatureShare, SignError> {
        if !session.is_of(&self.keys) || nonce.scope != self.keys.scope {
            return Err(SignError::OtherKey);
        }
        let named = session.commitment(self.index).ok_or(SignError::NotNamed)?;
        if *named != nonce.commitment {
            return Err(SignError::OtherCommitment);
        }
        frost::round2::sign(session.inner(), &nonce.inner, &self.package)
            .map(|inner| SignatureShare {
                session: session.digest(),
                inner,
            })
            .map_err(|_| SignError::Refused)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("scope", &self.keys.scope)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

/// The participant's name in RFC 9591: its number as a scalar, the point of its share here too.
pub(super) fn identifier(index: Index) -> frost::Identifier {
    u16::from(index.number())
        .try_into()
        .expect("an index is not zero")
}
