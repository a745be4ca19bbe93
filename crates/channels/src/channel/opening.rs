use std::sync::Arc;

use maftia_agreement::consistent::SignatureCertifier;
use maftia_agreement::host::{self, Host};
use maftia_agreement::{Context, ContextError};
use maftia_codec::{Bytes, Wire};
use maftia_crypto::{Domain, Hasher, PublicKey, SigningKey};
use maftia_protocol::Step;
use maftia_types::{Digest, Epoch, Resilience, SiteId, SiteSet, Time};

use super::{Channel, Maker, State};
use crate::catch_up::CatchUp;
use crate::error::resilience_of;
use crate::frame::Frame;
use crate::members::Members;
use crate::order::Order;
use crate::plain::Seen;
use crate::run::Run;
use crate::{Class, OpenError, Record, RunMessage};

const CHANNEL: Domain = Domain::new("channel");

/// A channel to open. All members say the same, but for `own` and `keys`.
#[derive(Clone)]
pub struct Opening {
    /// The group's digest.
    pub group: Digest,
    /// The group's epoch.
    pub epoch: Epoch,
    /// How many of the group's sites may fail.
    pub resilience: Resilience,
    /// This site.
    pub own: SiteId,
    /// What tells this channel from others of the group and epoch.
    pub name: String,
    /// What it promises.
    pub class: Class,
    /// Who sends and delivers.
    pub members: SiteSet,
    /// For the consistent class: the key with which this site signs, and all members' in their order.
    pub keys: Option<(Arc<SigningKey>, Arc<[PublicKey]>)>,
}

impl Opening {
    /// The longest name.
    pub const NAME_BYTES_MAX: usize = 64;
}

impl Channel {
    /// Opens a channel; with the records of this member's earlier lives in it, goes on with it.
    ///
    /// # Errors
    /// Each of [`OpenError`].
    pub fn open(
        opening: &Opening,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<(Self, Step<Self>), OpenError> {
        let mut this = Self::new(opening)?;
        let makers = this.makers(opening)?;
        let mut lives: Vec<_> = makers.iter().map(|_| Vec::new()).collect();
        for record in records {
            match record {
                Record::Reserved { below } => this.reserved = this.reserved.max(below),
                Record::Run { sender, record } => {
                    this.recall(sender, &record);
                    if let Some(life) = lives.get_mut(sender.index()) {
                        life.push(record);
                    }
                }
            }
        }
        this.sequence = this.sequence.max(this.reserved);
        let mut first = Vec::new();
        for (maker, life) in makers.into_iter().zip(lives) {
            let (host, step) = Host::new(this.context, maker, life);
            this.hosts.push(host);
            first.push(step);
        }
        let mut step = Step::none();
        for (seat, child) in this.members.seats().zip(first) {
            let floor = this.hosts.get(seat.index()).map_or(0, Host::floor);
            this.order.skip(seat, floor);
            if let Some(help) = this.help.get_mut(seat.index()) {
                help.forget_before(floor);
            }
            this.lift(&mut step, seat, child);
        }
        this.deliver(&mut step, Time::ZERO);
        Ok((this, step))
    }

    fn new(opening: &Opening) -> Result<Self, OpenError> {
        if opening.name.is_empty() || opening.name.len() > Opening::NAME_BYTES_MAX {
            return Err(OpenError::Name);
        }
        let sites = opening.resilience.sites();
        if let Some(outsider) = opening.members.iter().find(|own| own.index() >= sites) {
            return Err(ContextError::Outside(outsider).into());
        }
        let members = Members::new(opening.members, sites);
        let seat = members.seat(opening.own);
        let seat = seat.ok_or(OpenError::NotAMember(opening.own))?;
        let id = id_of(opening);
        let resilience = resilience_of(&opening.resilience, members.len())?;
        Ok(Self {
            id,
            class: opening.class,
            context: Context::new(id, opening.epoch, resilience, seat)?,
            hosts: Vec::new(),
            help: members.seats().map(|_| CatchUp::default()).collect(),
            order: Order::new(opening.class, members.len()),
            seen: Seen::default(),
            sequence: 0,
            reserved: 0,
            settled: vec![0; members.len()],
            state: State::Open,
            ended: SiteSet::EMPTY,
            members,
        })
    }

    /// What makes the broadcasts of each sender's messages.
    fn makers(&self, opening: &Opening) -> Result<Vec<Maker>, OpenError> {
        let context = self.context;
        if self.class == Class::BestEffort {
            return Ok(Vec::new());
        }
        if self.class != Class::Consistent {
            let maker = |sender| -> Maker {
                Box::new(move |sequence| Run::reliable(context, sender, sequence))
            };
            return Ok(self.members.seats().map(maker).collect());
        }
        let (own, all) = opening.keys.clone().ok_or(OpenError::Keys)?;
        let certifier = SignatureCertifier::new(context, own, all);
        let certifier = certifier.map_err(|_| OpenError::Keys)?;
        let maker = |sender| -> Maker {
            let certifier = certifier.clone();
            Box::new(move |number| Run::consistent(context, sender, number, certifier.clone()))
        };
        Ok(self.members.seats().map(maker).collect())
    }

    /// What an earlier life has sent.
    fn recall(&mut self, sender: SiteId, record: &host::Record<Bytes, RunMessage>) {
        let host::Record::Asked { number, command } = record else {
            return;
        };
        if sender != self.context.own() {
            return;
        }
        self.sequence = self.sequence.max(number.saturating_add(1));
        let is_end = |frame: Frame| frame.payload.is_none();
        if Frame::from_bytes(command.clone()).is_ok_and(is_end) {
            self.state = State::Closing;
        }
    }
}

/// The name that everything in the channel is bound to (B17).
fn id_of(opening: &Opening) -> Digest {
    let mut hasher = Hasher::new(CHANNEL);
    hasher.update(opening.group.as_bytes());
    hasher.number(opening.epoch.0);
    hasher.number(opening.members.bits());
    hasher.number(match opening.class {
        Class::BestEffort => 0,
        Class::Causal => 1,
        Class::Consistent => 2,
        Class::Fifo => 3,
        Class::Reliable => 4,
    });
    hasher.update(opening.name.as_bytes());
    hasher.finish()
}
