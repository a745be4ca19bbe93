use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::HISTORY_MAX;
use super::operation::{Answer, Operation, Refusal, Standing, State};
use crate::change::{Change, ChangeError};
use crate::wire;

impl Wire for Operation {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Propose(change) => {
                w.u8(1);
                change.encode(w);
            }
            Self::Approve(proposal) => numbered(w, 2, *proposal),
            Self::Withdraw(proposal) => numbered(w, 3, *proposal),
            Self::Show => w.u8(4),
            Self::History => w.u8(5),
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Change::decode(r).map(Self::Propose),
            2 => r.u64().map(Self::Approve),
            3 => r.u64().map(Self::Withdraw),
            4 => Ok(Self::Show),
            5 => Ok(Self::History),
            _ => Err(DecodeError::Invalid { field: "operation" }),
        }
    }
}

impl Wire for Answer {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Proposed { proposal, standing } => {
                numbered(w, 1, *proposal);
                standing.encode(w);
            }
            Self::Approved { proposal, standing } => {
                numbered(w, 2, *proposal);
                standing.encode(w);
            }
            Self::Withdrawn(proposal) => numbered(w, 3, *proposal),
            Self::State(state) => {
                w.u8(4);
                state.encode(w);
            }
            Self::History(entries) => {
                w.u8(5);
                w.list(entries);
            }
            Self::Refused(refusal) => {
                w.u8(6);
                refusal.encode(w);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            1 => Self::Proposed {
                proposal: r.u64()?,
                standing: Standing::decode(r)?,
            },
            2 => Self::Approved {
                proposal: r.u64()?,
                standing: Standing::decode(r)?,
            },
            3 => Self::Withdrawn(r.u64()?),
            4 => Self::State(Box::new(State::decode(r)?)),
            5 => Self::History(r.list("history", HISTORY_MAX)?),
            6 => Self::Refused(Refusal::decode(r)?),
            _ => return Err(DecodeError::Invalid { field: "answer" }),
        })
    }
}

fn numbered(w: &mut Writer, tag: u8, number: u64) {
    w.u8(tag);
    w.u64(number);
}

impl Wire for Standing {
    fn encode(&self, w: &mut Writer) {
        w.u8(match self {
            Self::Authorised => 0,
            Self::Missing(missing) => *missing,
        });
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            0 => Self::Authorised,
            missing => Self::Missing(missing),
        })
    }
}

impl Wire for Refusal {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Busy(proposal) => numbered(w, 1, *proposal),
            Self::Change(error) => {
                w.u8(2);
                error.encode(w);
            }
            Self::Malformed => w.u8(3),
            Self::NoSuchProposal => w.u8(4),
            Self::NotAuthorised => w.u8(5),
            Self::NotYours => w.u8(6),
            Self::Reserved(name) => {
                w.u8(7);
                wire::name(w, name);
            }
            Self::StaleView => w.u8(8),
            Self::TooManyProposals => w.u8(9),
            Self::Unproven(name) => {
                w.u8(10);
                wire::name(w, name);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            1 => Self::Busy(r.u64()?),
            2 => Self::Change(ChangeError::decode(r)?),
            3 => Self::Malformed,
            4 => Self::NoSuchProposal,
            5 => Self::NotAuthorised,
            6 => Self::NotYours,
            7 => Self::Reserved(wire::read_name(r)?),
            8 => Self::StaleView,
            9 => Self::TooManyProposals,
            10 => Self::Unproven(wire::read_name(r)?),
            _ => return Err(DecodeError::Invalid { field: "refusal" }),
        })
    }
}
