use maftia_crypto::{Domain, Hasher};
use maftia_types::{Digest, Epoch, FaultModel, Resilience, SiteId};

const INSTANCE: Domain = Domain::new("agreement instance");
const PART: Domain = Domain::new("agreement part");

/// Where instances run: in which group and epoch, as which site, under which thresholds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context {
    group: Digest,
    epoch: Epoch,
    resilience: Resilience,
    own: SiteId,
}

/// Why there is no such context.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The services' thresholds are those of the arbitrary model.
    #[error("broadcast and agreement run in the `arbitrary` model, not in `{0}`")]
    Model(FaultModel),
    /// The site is none of the group.
    #[error("{0} is no site of the group")]
    Outside(SiteId),
}

impl Context {
    /// As site `own` of a group.
    ///
    /// # Errors
    /// Each of [`ContextError`].
    pub const fn new(
        group: Digest,
        epoch: Epoch,
        resilience: Resilience,
        own: SiteId,
    ) -> Result<Self, ContextError> {
        let model = resilience.model();
        if !matches!(model, FaultModel::Arbitrary) {
            return Err(ContextError::Model(model));
        }
        if own.index() >= resilience.sites() {
            return Err(ContextError::Outside(own));
        }
        Ok(Self {
            group,
            epoch,
            resilience,
            own,
        })
    }

    /// The group's epoch.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// This site.
    pub const fn own(&self) -> SiteId {
        self.own
    }

    /// The thresholds.
    pub const fn resilience(&self) -> &Resilience {
        &self.resilience
    }

    /// Every site, in order.
    pub fn sites(&self) -> impl Iterator<Item = SiteId> + use<> {
        SiteId::all(self.resilience.sites())
    }

    /// Whether a site belongs to the group.
    pub const fn contains(&self, site: SiteId) -> bool {
        site.index() < self.resilience.sites()
    }
}

/// The name of one run of a service. Whatever is signed or hashed for the run begins with it, so
/// that nothing can be replayed to another group, epoch, service, run, or part of a run (B17).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instance(Digest);

impl Instance {
    /// Run `number` of `service`. Two services of one group have different names.
    pub fn new(context: &Context, service: &'static str, number: u64) -> Self {
        let mut hasher = Hasher::new(INSTANCE);
        hasher.update(context.group.as_bytes());
        hasher.number(context.epoch.0).number(number);
        hasher.update(service.as_bytes());
        Self(hasher.finish())
    }

    /// A part of this run that is a run of another service.
    #[must_use]
    pub fn part(self, name: &'static str, number: u64) -> Self {
        let mut hasher = self.hasher(PART);
        hasher.number(number).update(name.as_bytes());
        Self(hasher.finish())
    }

    /// A hash that begins with this name.
    pub fn hasher(self, domain: Domain) -> Hasher {
        let mut hasher = Hasher::new(domain);
        hasher.update(self.0.as_bytes());
        hasher
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(group: u8, epoch: u64) -> Context {
        let four = Resilience::new(FaultModel::Arbitrary, 4, 1, 0).unwrap();
        let own = SiteId::new(0).unwrap();
        Context::new(Digest([group; 32]), Epoch(epoch), four, own).unwrap()
    }

    #[test]
    fn b17_no_two_groups_epochs_services_runs_or_parts_share_a_name() {
        let base = Instance::new(&context(1, 1), "x", 1);
        let mut names = vec![
            base,
            Instance::new(&context(2, 1), "x", 1),
            Instance::new(&context(1, 2), "x", 1),
            Instance::new(&context(1, 1), "y", 1),
            Instance::new(&context(1, 1), "x", 2),
            base.part("x", 1),
            base.part("x", 2),
            base.part("y", 1),
            base.part("x", 1).part("x", 1),
        ];
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 9);
    }

    #[test]
    fn refuses_other_models_and_outsiders() {
        let own = SiteId::new(4).unwrap();
        let hybrid = Resilience::largest(FaultModel::Hybrid, 5).unwrap();
        let refused = Context::new(Digest::ZERO, Epoch(0), hybrid, own);
        assert_eq!(refused, Err(ContextError::Model(FaultModel::Hybrid)));
        let four = Resilience::largest(FaultModel::Arbitrary, 4).unwrap();
        let refused = Context::new(Digest::ZERO, Epoch(0), four, own);
        assert_eq!(refused, Err(ContextError::Outside(own)));
    }
}
