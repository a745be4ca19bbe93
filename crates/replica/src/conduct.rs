use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::PublicKey;
use maftia_membership::accusations::{Accusations, Session};
use maftia_membership::detector::Reason;
use maftia_membership::evidence::{Admission, Proof, Report, Store};
use maftia_types::{Resilience, SiteId, SiteSet};

/// Who is in the group, at the commit that is executed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members<'a> {
    /// Their public keys, in order.
    pub(crate) keys: &'a [PublicKey],
    pub(crate) resilience: Resilience,
}

/// What the log says against sites. Part of the ordered state.
#[derive(Debug, Default)]
pub(crate) struct Conduct {
    evidence: Store,
    accusations: Accusations,
}

impl Conduct {
    /// Keeps a proof; gives its culprit if nothing had convicted it before.
    pub(crate) fn convict(
        &mut self,
        members: Members<'_>,
        proof: Proof,
        report: Report,
    ) -> Option<SiteId> {
        match self.evidence.admit(members.keys, proof, report) {
            Admission::Kept { culprit, first } => first.then_some(culprit),
            Admission::Known | Admission::Refused => None,
        }
    }

    /// An author suspects a site.
    pub(crate) fn accuse(&mut self, commit: u64, by: SiteId, accused: SiteId, reason: Reason) {
        self.accusations.accuse(commit, by, accused, reason);
    }

    /// An author suspects a site no more.
    pub(crate) fn retract(&mut self, by: SiteId, accused: SiteId) {
        self.accusations.retract(by, accused);
    }

    /// Seats are other sites' than before.
    pub(crate) fn forget_accusations(&mut self) {
        self.accusations = Accusations::default();
    }

    /// The end of a commit.
    pub(crate) fn settle(&mut self, members: Members<'_>, commit: u64) {
        self.accusations.settle(Session {
            resilience: &members.resilience,
            convicted: self.convicted(members.keys),
            commit,
        });
    }

    /// The members that a proof convicts.
    pub(crate) fn convicted(&self, members: &[PublicKey]) -> SiteSet {
        if self.evidence.is_empty() {
            return SiteSet::EMPTY;
        }
        self.evidence.convicted(members)
    }

    pub(crate) const fn evidence(&self) -> &Store {
        &self.evidence
    }

    pub(crate) const fn accusations(&self) -> &Accusations {
        &self.accusations
    }
}

impl Wire for Conduct {
    fn encode(&self, writer: &mut Writer) {
        self.evidence.encode(writer);
        self.accusations.encode(writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            evidence: Store::decode(reader)?,
            accusations: Accusations::decode(reader)?,
        })
    }
}
