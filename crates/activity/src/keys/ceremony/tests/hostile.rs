//! What an intruder may do in a ceremony.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_crypto::Signature;
use maftia_threshold::{Ceremony as Dealers, Committee, Share};
use maftia_types::SiteId;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use zeroize::Zeroizing;

use super::super::deal::{Contribution, Deal};
use super::super::message::Message;
use super::super::rules::{OwnDealing, Run};
use crate::keys::record::index_of;
use crate::keys::{KeyGroup, Ordered, Site, in_group};
use crate::replication::Effects;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Says HAVE of every sharing, and acknowledges nothing.
    FalseHave,
    /// Its DEAL has acknowledgements that it made up.
    ForgedAcks,
    /// Bytes of the right length that are no elements.
    Garbage,
    /// A polynomial of a degree too high.
    Longer,
    /// Does all that a correct site does, but never says HAVE.
    NoHave,
    /// A proof of something else.
    NoProof,
    /// Its own dealing, with acknowledgements of another's.
    OthersAcks,
    /// Another dealer's whole DEAL.
    OthersDeal,
    /// At a refresh: deals another secret than its share.
    OtherSecret,
    /// Its valid DEAL of the ceremony before.
    Replay,
    /// A polynomial of a degree too low.
    Shorter,
    /// Says nothing at all.
    Silent,
    /// A DEAL with too few acknowledgements.
    TooFewAcks,
    /// Sends one member another dealing than the rest, and takes both acknowledgements.
    TwoDealings,
    /// No DEAL at all, but something in its place.
    Unreadable,
    /// A wrong share to one member in private.
    WrongShare,
    /// Publishes a wrong share.
    WrongPublished,
}

impl Kind {
    /// Whether it waits for what others say.
    pub(super) const fn copies(self) -> bool {
        matches!(self, Self::OthersAcks | Self::OthersDeal)
    }
}

#[derive(Clone)]
pub(super) struct Intruder {
    kind: Kind,
    acks: BTreeMap<SiteId, BTreeMap<u64, Signature>>,
    done: BTreeSet<u64>,
}

impl Intruder {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            acks: BTreeMap::new(),
            done: BTreeSet::new(),
        }
    }

    pub(super) fn hear(&mut self, from: SiteId, message: &Bytes) {
        if let Ok(Message::Ack {
            ceremony,
            signature,
        }) = Message::from_bytes(message.clone())
        {
            self.acks
                .entry(from)
                .or_default()
                .insert(ceremony.number, signature);
        }
    }

    /// Replaces what a correct site would do. It goes by one number in the log and by another in the
    /// ordered state.
    pub(super) fn tamper(
        &mut self,
        (author, me): (SiteId, SiteId),
        site: &Site,
        ordered: &Ordered,
        log: &[(SiteId, Bytes)],
        out: &mut Effects,
    ) {
        match self.kind {
            Kind::Silent => {
                out.messages.clear();
                out.contributions.clear();
                return;
            }
            Kind::NoHave => {
                out.contributions.retain(|word| !is_have(word));
                return;
            }
            Kind::FalseHave => {
                let ack = |bytes: &Bytes| {
                    matches!(Message::from_bytes(bytes.clone()), Ok(Message::Ack { .. }))
                };
                out.messages.retain(|(_, bytes)| !ack(bytes));
                out.contributions.retain(|word| !is_have(word));
                for made in ordered.ceremonies().filter(|own| own.made.is_some()) {
                    if self.done.insert(made.number) {
                        let ceremony = made.run_name();
                        let word = Contribution::Have { ceremony };
                        out.contributions.push(word.to_bytes());
                    }
                }
                return;
            }
            // Two dealings: itself the first, to most members the other.
            Kind::TwoDealings | Kind::WrongShare => {
                let ceremonies = ordered.ceremonies().map(|own| own.number);
                let runs = ceremonies.filter_map(|number| ordered.run(number));
                for run in runs {
                    self.misdeal_in_private(me, site, run, out);
                }
                return;
            }
            _ => {}
        }
        // No honest DEAL of its own; acks and HAVEs go on.
        out.contributions.retain(|word| {
            !matches!(
                Contribution::from_bytes(word.clone()),
                Ok(Contribution::Deal { .. })
            )
        });
        for ceremony in ordered.ceremonies().filter(|own| own.made.is_none()) {
            let number = ceremony.number;
            let run = ordered.run(number).unwrap();
            if self.done.contains(&number) {
                continue;
            }
            if let Some(body) = self.misdeal((author, me), site, run, log) {
                self.done.insert(number);
                let ceremony = run.ceremony.run_name();
                out.contributions
                    .push(Contribution::Deal { ceremony, body }.to_bytes());
            }
        }
    }

    fn misdeal_in_private(&self, me: SiteId, site: &Site, run: Run<'_>, out: &mut Effects) {
        let Some(other) = own_dealing(me, site, run, 9) else {
            return;
        };
        let victim = run.ceremony.members[0];
        for (to, bytes) in &mut out.messages {
            let Ok(Message::Deal {
                ceremony,
                dealing,
                mut share,
            }) = Message::from_bytes(bytes.clone())
            else {
                continue;
            };
            if ceremony != run.ceremony.run_name() || *to != victim {
                continue;
            }
            let dealing = match self.kind {
                Kind::TwoDealings => {
                    share = other.shares[0].1.clone();
                    other.dealing.clone()
                }
                _ => {
                    share[3] ^= 1;
                    dealing
                }
            };
            let wrong = Message::Deal {
                ceremony,
                dealing,
                share,
            };
            *bytes = wrong.to_bytes();
        }
    }

    /// The body of its DEAL, once it has what it takes.
    fn misdeal(
        &self,
        (author, me): (SiteId, SiteId),
        site: &Site,
        run: Run<'_>,
        log: &[(SiteId, Bytes)],
    ) -> Option<Bytes> {
        let own = own_dealing(me, site, run, 9)?;
        let threshold = run.ceremony.threshold;
        let mut deal = self.honest(me, run, &own);
        match self.kind {
            Kind::ForgedAcks => {}
            Kind::Garbage => deal.dealing = vec![0xff; deal.dealing.len()].into(),
            Kind::Longer => deal.dealing = other_degree(me, run, threshold + 1)?,
            Kind::Shorter => deal.dealing = other_degree(me, run, threshold - 1)?,
            Kind::NoProof => {
                let mut bytes = deal.dealing.to_vec();
                let length = bytes.len();
                bytes[length - 32] ^= 1;
                deal.dealing = bytes.into();
            }
            Kind::OthersAcks => deal.acks = others_deal(author, run.ceremony.number, log)?.1.acks,
            Kind::OthersDeal => return Some(others_deal(author, run.ceremony.number, log)?.0),
            Kind::OtherSecret => {
                run.previous?;
                deal.dealing = other_secret(me, run)?;
            }
            Kind::Replay => {
                let before = log.iter().filter(|(own, _)| *own == author);
                let body = before
                    .filter_map(|(_, word)| deal_of(word))
                    .find_map(|(number, body)| (number != run.ceremony.number).then_some(body));
                return body.or_else(|| Some(deal.to_bytes()));
            }
            Kind::TooFewAcks => {
                deal.acks.pop();
            }
            Kind::Unreadable => return Some(Bytes::from_static(b"deal")),
            Kind::WrongPublished => {
                let spare = run.ceremony.members.len() - usize::from(threshold);
                let gone = deal.acks.split_off(deal.acks.len() - spare);
                let wrong = gone.iter().map(|(site, _)| (*site, [3; 32]));
                deal.published = wrong.collect();
            }
            Kind::FalseHave
            | Kind::NoHave
            | Kind::Silent
            | Kind::TwoDealings
            | Kind::WrongShare => return None,
        }
        Some(deal.to_bytes())
    }

    /// Its dealing, with all acknowledgements it has, or made up ones.
    fn honest(&self, me: SiteId, run: Run<'_>, own: &OwnDealing) -> Deal {
        let members = run.ceremony.members.iter();
        let acks = members.map(|member| {
            let heard = self
                .acks
                .get(member)
                .and_then(|own| own.get(&run.ceremony.number));
            (
                *member,
                heard.copied().unwrap_or(Signature([me.as_u8(); 64])),
            )
        });
        // In the order of sites.
        let acks: BTreeMap<_, _> = acks.collect();
        Deal {
            dealing: own.dealing.clone(),
            acks: acks.into_iter().collect(),
            published: Vec::new(),
        }
    }
}

fn own_dealing(me: SiteId, site: &Site, run: Run<'_>, salt: u8) -> Option<OwnDealing> {
    let previous = run.previous;
    let share = previous.and_then(|own| site.vault.share_of(run.ceremony.key, own));
    run.deal(me, &Zeroizing::new([salt; 32]), share)
}

fn is_have(word: &Bytes) -> bool {
    let word = Contribution::from_bytes(word.clone());
    matches!(word, Ok(Contribution::Have { .. }))
}

fn deal_of(word: &Bytes) -> Option<(u64, Bytes)> {
    match Contribution::from_bytes(word.clone()) {
        Ok(Contribution::Deal { ceremony, body }) => Some((ceremony.number, body)),
        _ => None,
    }
}

/// The first DEAL of somebody else in that ceremony.
fn others_deal(me: SiteId, number: u64, log: &[(SiteId, Bytes)]) -> Option<(Bytes, Deal)> {
    let others = log.iter().filter(|(author, _)| *author != me);
    let mut deals = others.filter_map(|(_, word)| deal_of(word));
    let (_, body) = deals.find(|(ceremony, _)| *ceremony == number)?;
    Some((body.clone(), Deal::from_bytes(body).ok()?))
}

/// A good dealing, but for another threshold.
fn other_degree(me: SiteId, run: Run<'_>, threshold: u8) -> Option<Bytes> {
    fn deal<G: KeyGroup>(me: SiteId, run: Run<'_>, threshold: u8) -> Option<Bytes> {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        // The dealer may sit further back than there are members.
        let (dealers, members) = (&run.ceremony.dealers, &run.ceremony.members);
        let participants = u8::try_from(dealers.len().max(members.len())).unwrap();
        let committee = Committee::new(threshold, participants).ok()?;
        let ceremony = Dealers::key_generation(run.setup.scope(), run.ceremony.run, committee);
        let secret = Share::<G>::random(index_of(&run.ceremony.dealers, me)?, &mut rng);
        let (dealing, _) = ceremony.deal(&secret, &mut rng).ok()?;
        Some(dealing.to_bytes().into())
    }
    in_group!(run.ceremony.scheme, G => deal::<G>(me, run, threshold))
}

/// A dealing that would be good for a new key.
fn other_secret(me: SiteId, run: Run<'_>) -> Option<Bytes> {
    other_degree(me, run, run.ceremony.threshold)
}
