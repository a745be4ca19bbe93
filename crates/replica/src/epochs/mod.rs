//! Epochs: one committee after another in the same log (`protocols.md` §2.12 with correction 12; the
//! choices are argued in ADR 12).
//!
//! # Guarantees
//! - *One history.* All correct sites end an epoch after the same commit and begin the next one with
//!   the same state, view and keys.
//! - *No site is led astray.* A site that slept, or comes new, follows only certificates of a quorum
//!   of each view to the next, and takes only a state that f+1 members of the last one offer.
//! - *Termination.* A change whose joiners do not come, or whose keys cannot be shared, is given up
//!   by the log; the epoch goes on.
//!
//! # Messages
//! | message | asserts about its sender |
//! |---|---|
//! | [`Passage::Ask`] | "I know who is in the group up to that epoch" |
//! | [`Passage::Vote`] | "this is the next view": signed; believed of a quorum of the former view |
//! | [`Passage::Chain`] | nothing: every certificate is verified |
//! | [`Passage::Word`] | a joiner's word: signed; a member puts it into its block |
//!
//! # Rules
//! 1. While a change is under way, joiners have links and follow the log. One that follows says
//!    READY, again and again until that is ordered. ([`joiner`])
//!    A change to the same sites, without joiners, is begun by the ordered state itself once the group
//!    has the key of a coin that no epoch has begun with (ADR 14). ([`ledger`])
//! 2. When all joiners are ready, and f+1 members have said in the log that they hold the certificate
//!    of the present view ([`Item::Certified`](crate::Item::Certified)), `StateMachine::prepare`; once `is_prepared` after a commit, that
//!    commit is the epoch's last. What the engine gives beyond it is void; what own blocks held and
//!    nobody delivered goes into the next epoch's. ([`turn`])
//! 3. Who has executed the last commit votes for the next view and asks the others for their votes,
//!    until a quorum makes a certificate. It answers those who are not as far with blocks of the
//!    former epoch, and offers the state with which the new one begins. ([`handover`], [`former`])
//! 4. Who hears f+1 members speak of a later epoch, for [`PATIENCE`] without coming to it by the
//!    log, asks for certificates, follows them, and fetches the state of the view they lead to.
//!
//! # Duties of the caller
//! After [`Output::Sites`](crate::Output::Sites): give links the sites of [`Replica::universe`], by
//! these ids, and pass on no message under an id that its link had before. The messages of the step
//! that says so are by the new ids. What is for all others is for [`Replica::audience`] of them. After
//! [`Output::Left`](crate::Output::Left): stop.

use std::collections::VecDeque;

use maftia_crypto::PublicKey;
use maftia_membership::membership::Policy;
use maftia_membership::{Certificate, Member, Membership, View};
use maftia_types::{Duration, Epoch, Powers, SITES_MAX, SiteId, SiteSet, Time};

use crate::ledger::Ledger;
use crate::message::Message;
use crate::replica::Replica;

mod asking;
pub(crate) mod former;
pub(crate) mod handover;
pub(crate) mod joiner;
mod ledger;
pub(crate) mod passage;
pub(crate) mod turn;
pub(crate) mod word;

/// How long a site waits for its own log to bring it to a later epoch that f+1 others speak of.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// First pause before a question is asked again, and the longest.
const ASK_FIRST: Duration = Duration::from_millis(100);
const ASK_MAX: Duration = Duration::from_secs(5);

/// How long a site that has left stays: its vote, and what it holds of the epoch's last blocks, may
/// be wanted by those who were not as fast.
const LINGER: Duration = Duration::from_secs(10);

/// Who the sites are when this site starts for the first time.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The view of the group's file.
    pub view: View,
    /// Who is joining, if this site is one of them.
    pub joiners: Vec<Member>,
    /// Who must agree to a change.
    pub policy: Policy,
    /// The clients' keys, which no site may have, and what each client may do.
    pub clients: Vec<(PublicKey, Powers)>,
    /// The certificates that this site has kept.
    pub chain: Vec<Certificate>,
    /// Whether the group began with the state of another one: a site without that state fetches it.
    pub restored: bool,
}

/// What a replica knows of epochs besides the ordered state.
#[derive(Debug)]
pub(crate) struct Epochs {
    /// The view by whose ids this site knows the others: that of its state; or, while it has none,
    /// the one whose state it fetches.
    pub(crate) view: View,
    /// Of that view, until a state says it.
    pub(crate) joiners: Vec<Member>,
    /// Whether there is no state of this view here yet: it is being fetched.
    pub(crate) hollow: bool,
    /// Who had a seat in the epoch before: they may still need its end, or have to be told that they
    /// are out.
    pub(crate) leavers: Vec<Member>,
    /// The engine of the epoch before, while somebody may need it.
    pub(crate) former: Option<former::FormerEpoch>,
    /// The votes for the present view, until they are a certificate.
    pub(crate) handing: Option<handover::Handing>,
    /// The newest certificates, by epoch.
    pub(crate) chain: VecDeque<Certificate>,
    /// Members that have spoken of a later epoch.
    pub(crate) later: SiteSet,
    /// When to ask for votes or certificates, and the pause after that.
    pub(crate) ask_at: Option<Time>,
    pub(crate) pause: Duration,
    /// Whether the question has been asked since it came up.
    pub(crate) asked: bool,
    /// When an asker may be told next how far this site is.
    pub(crate) tell_at: Time,
    /// When this site, which has left, may stop.
    pub(crate) leave_at: Option<Time>,
    /// When to say READY again.
    pub(crate) ready_at: Time,
    /// The commit at which this site said last that it holds the certificate.
    pub(crate) certified_at: Option<u64>,
    /// Words passed on since the last commit.
    pub(crate) words: usize,
    /// The proposal under way, as last told to the driver.
    pub(crate) told: Option<u64>,
}

impl Epochs {
    /// With the state that was on the disk, if there was an image; without one, only a site of the
    /// first view of a group that was not restored knows how its state begins.
    pub(crate) fn new(beginning: Beginning, ledger: &Ledger, has_image: bool) -> Self {
        let epoch = beginning.view.epoch();
        let later = epoch > Epoch(0) || !beginning.joiners.is_empty() || beginning.restored;
        let (view, hollow) = match ledger.membership() {
            Some(state) => (state.view().clone(), later && !has_image),
            None => (beginning.view.clone(), false),
        };
        let leavers = leavers(&view, &beginning);
        let same = view.epoch() == epoch;
        let joiners = beginning.joiners.into_iter().filter(|_| same).collect();
        Self {
            view,
            joiners,
            hollow,
            leavers,
            former: None,
            handing: None,
            chain: handover::kept(beginning.chain),
            later: SiteSet::EMPTY,
            ask_at: None,
            pause: ASK_FIRST,
            asked: false,
            tell_at: Time::ZERO,
            leave_at: None,
            ready_at: Time::ZERO,
            certified_at: None,
            words: 0,
            told: None,
        }
    }
}

/// Who had a seat in the view before, as far as this site's files say what that was: one that was off
/// may ask long after the log of that time is gone.
fn leavers(view: &View, beginning: &Beginning) -> Vec<Member> {
    let chain = beginning.chain.iter().map(|own| &own.handover().view);
    let mut views = chain.chain([&beginning.view]);
    let Some(former) = views.find(|former| former.epoch().next() == view.epoch()) else {
        return Vec::new();
    };
    let gone = former.members().iter();
    let gone = gone.filter(|member| view.seat_of(&member.key).is_none());
    gone.cloned().collect()
}

impl Replica {
    /// The epoch by which messages of the engine are told apart.
    pub(crate) fn epoch(&self) -> Epoch {
        let own = self.epochs.as_ref().map(|epochs| epochs.view.epoch());
        own.unwrap_or(self.engine.parameters().epoch)
    }

    /// Whether this site has no state of the view that it knows.
    pub(crate) fn is_hollow(&self) -> bool {
        self.epochs.as_ref().is_some_and(|epochs| epochs.hollow)
    }

    /// The ordered state of membership; none in a group whose sites never change.
    pub fn membership(&self) -> Option<&Membership> {
        self.ledger.membership().filter(|_| !self.is_hollow())
    }

    /// The view by which this site knows the others; none in a group whose sites never change.
    pub fn view(&self) -> Option<&View> {
        self.epochs.as_ref().map(|epochs| &epochs.view)
    }

    /// This site's id in the present epoch.
    pub fn me(&self) -> SiteId {
        if self.is_hollow() {
            self.place(&self.engine.key().public())
        } else {
            self.engine.me()
        }
    }

    /// The sites with which there are links, by id: members, then joiners, then who has just left.
    pub fn universe(&self) -> Vec<Member> {
        let Some(epochs) = &self.epochs else {
            return Vec::new();
        };
        let members = epochs.view.members().iter();
        let present: Vec<&Member> = members.chain(self.joiners()).collect();
        // Who has left may be proposed again with its former key: it has one id.
        let is_back = |own: &&Member| present.iter().any(|member| member.key == own.key);
        let gone = epochs.leavers.iter().filter(|own| !is_back(own));
        let all = present.iter().copied().chain(gone);
        all.take(SITES_MAX).cloned().collect()
    }

    /// How many sites of the universe [`Target::Others`](maftia_protocol::Target::Others) means: the
    /// members and the joiners. Who has left gets nothing but what is for it alone.
    pub fn audience(&self) -> usize {
        let members = self.epochs.as_ref().map(|own| own.view.members().len());
        members.map_or(self.keys.len(), |members| members + self.joiners().len())
    }

    fn joiners(&self) -> &[Member] {
        match (self.membership(), &self.epochs) {
            (Some(state), epochs) => match (state.next(), epochs) {
                (Some(next), _) => &next.joiners,
                // The state that a joiner has fetched may be from before the change began.
                (None, Some(epochs)) => &epochs.joiners,
                (None, None) => &[],
            },
            (None, Some(epochs)) => &epochs.joiners,
            (None, None) => &[],
        }
    }

    /// Whether a message is of one who has left, and not about epochs.
    pub(crate) fn has_gone(&self, from: SiteId, message: &Message) -> bool {
        let leavers = self
            .epochs
            .as_ref()
            .is_some_and(|own| !own.leavers.is_empty());
        leavers && from.index() >= self.audience() && !matches!(message, Message::Passage(_))
    }
}
