//! What the correct sites have been seen to decide about their group, for the operator, who looks,
//! and for the properties, which compare.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use maftia_activity::keys::KeyId;
use maftia_membership::membership::{Origin, Outcome};
use maftia_membership::{Change, Edit, Member, View};

use crate::book::sometimes;

pub(crate) type Shared = Rc<RefCell<History>>;

/// What the group has decided so far.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// By epoch.
    pub(crate) views: BTreeMap<u64, (View, Origin)>,
    /// By proposal: what became of those that were authorised.
    pub(crate) outcomes: BTreeMap<u64, (Change, Outcome)>,
    /// What is under way, as of the newest commit seen.
    pub(crate) pending: Option<Change>,
    pub(crate) commit: u64,
    /// Views to which clients have come by certificates.
    pub(crate) accepted: Vec<View>,
    /// The key that signs, once there is one.
    pub(crate) signing: Option<KeyId>,
    pub(crate) rare: Rare,
}

sometimes! {
    Rare:
    changes,
    intruders_replaced,
    correct_replaced,
    added,
    removed,
    grown,
    shrunk,
    aborted,
    crashes_in_change,
    crashes_of_joiners,
    crashes_in_handover,
    power_losses_in_change,
    power_losses_in_handover,
    wipes_after_change,
    views_adopted,
    transfers,
    convictions,
    left,
    stopped_again,
    views_followed,
    chains_refused,
    shares_shown,
    keys_reshared,
    signatures,
    renewals,
    coins,
    checkpoints,
}

impl History {
    /// The newest view that a correct site is in.
    pub(crate) fn newest(&self) -> Option<&View> {
        self.views.last_key_value().map(|(_, (view, _))| view)
    }

    /// Who joins by the change under way.
    pub(crate) fn joiners(&self) -> Vec<Member> {
        self.pending.iter().flat_map(joiners).collect()
    }

    /// How many times that change has come to an end, and the newest one.
    pub(crate) fn ends_of(&self, change: &Change) -> (usize, Option<&Outcome>) {
        let ends = self.outcomes.values().filter(|(own, _)| own == change);
        let outcome = ends.clone().next_back().map(|(_, outcome)| outcome);
        (ends.count(), outcome)
    }
}

/// Who joins by a change.
pub(crate) fn joiners(change: &Change) -> impl Iterator<Item = Member> + '_ {
    change.edits.iter().filter_map(|edit| match edit {
        Edit::Add(member) | Edit::Replace { with: member, .. } => Some(member.clone()),
        Edit::Remove(_) => None,
    })
}
