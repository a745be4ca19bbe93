//! The change that changes nobody: the next epoch with the same sites.

use maftia_types::{Digest, SiteId};

use super::{Change, ChangeError, Next};
use crate::view::View;

impl Change {
    /// The next epoch for the same sites, so that it begins with all their keys. Nobody proposes it:
    /// it is the group's own.
    #[must_use]
    pub const fn renewal() -> Self {
        Self {
            edits: Vec::new(),
            f: None,
        }
    }

    /// Whether it changes nobody.
    #[must_use]
    pub const fn is_renewal(&self) -> bool {
        self.edits.is_empty() && self.f.is_none()
    }
}

impl View {
    /// What a change that is under way leads to: one that was proposed, or a renewal.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub fn next(&self, change: &Change) -> Result<Next, ChangeError> {
        if !change.is_renewal() {
            return self.change(change);
        }
        let group: Digest = *self.group();
        let members = self.members().to_vec();
        let view = Self::new(group, self.epoch().next(), self.resilience(), members)
            .map_err(|_| ChangeError::LastEpoch)?;
        Ok(Next {
            members: SiteId::all(view.members().len()).collect(),
            view,
            joiners: Vec::new(),
        })
    }
}
