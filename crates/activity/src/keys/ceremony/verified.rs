use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use maftia_threshold::{Index, VerifiedDealing};

use crate::keys::KeyGroup;

/// Dealings as they were found good, so that the sharing is made of them without finding it again:
/// most of that is decoding elements. No part of the state: it is not encoded, equals any other,
/// and after a restart what is missing is verified anew.
#[derive(Clone, Debug, Default)]
pub(super) struct VerifiedDealings(BTreeMap<Index, Verified>);

/// A dealing in the group of the ceremony's key.
#[derive(Clone, Debug)]
pub(super) struct Verified(Arc<dyn Any + Send + Sync>);

impl Verified {
    pub(super) fn new<G: KeyGroup>(dealing: VerifiedDealing<G>) -> Self {
        Self(Arc::new(dealing))
    }
}

impl VerifiedDealings {
    pub(super) fn keep(&mut self, dealer: Index, dealing: Verified) {
        self.0.insert(dealer, dealing);
    }

    pub(super) fn of<G: KeyGroup>(&self, dealer: Index) -> Option<VerifiedDealing<G>> {
        self.0.get(&dealer)?.0.downcast_ref().cloned()
    }

    /// The sharing is made.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl PartialEq for VerifiedDealings {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for VerifiedDealings {}
