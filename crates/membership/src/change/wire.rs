use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::{Change, ChangeError, EDITS_MAX, Edit};
use crate::member::Member;
use crate::wire;

impl Wire for Edit {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Add(member) => {
                w.u8(1);
                member.encode(w);
            }
            Self::Remove(name) => {
                w.u8(2);
                wire::name(w, name);
            }
            Self::Replace { name, with } => {
                w.u8(3);
                wire::name(w, name);
                with.encode(w);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Member::decode(r).map(Self::Add),
            2 => wire::read_name(r).map(Self::Remove),
            3 => Ok(Self::Replace {
                name: wire::read_name(r)?,
                with: Member::decode(r)?,
            }),
            _ => Err(DecodeError::Invalid { field: "edit" }),
        }
    }
}

impl Wire for Change {
    fn encode(&self, w: &mut Writer) {
        w.list(&self.edits);
        w.bool(self.f.is_some());
        self.f.iter().for_each(|f| w.u8(*f));
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            edits: r.list("edits", EDITS_MAX)?,
            f: r.bool()?.then(|| wire::read_small_count(r)).transpose()?,
        })
    }
}

impl Wire for ChangeError {
    fn encode(&self, w: &mut Writer) {
        let named = |w: &mut Writer, tag: u8, name: &str| {
            w.u8(tag);
            wire::name(w, name);
        };
        match self {
            Self::AddressTaken(name) => named(w, 1, name),
            Self::BadName => w.u8(2),
            Self::EditedTwice(name) => named(w, 3, name),
            Self::KeyTaken(name) => named(w, 4, name),
            Self::LastEpoch => w.u8(5),
            Self::NameTaken(name) => named(w, 6, name),
            Self::NoAddress(name) => named(w, 7, name),
            Self::Nothing => w.u8(8),
            Self::TooManyEdits => w.u8(9),
            Self::TooManySites => w.u8(10),
            Self::UnknownSite(name) => named(w, 11, name),
            Self::WouldBreakBound { n, f, c, needed } => {
                w.u8(12);
                [n, f, c]
                    .into_iter()
                    .for_each(|count| wire::count(w, *count));
                w.bool(needed.is_some());
                if let Some(needed) = needed {
                    w.u16(u16::try_from(*needed).expect("3f+2c+1 is at most 321"));
                }
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            1 => Self::AddressTaken(wire::read_name(r)?),
            2 => Self::BadName,
            3 => Self::EditedTwice(wire::read_name(r)?),
            4 => Self::KeyTaken(wire::read_name(r)?),
            5 => Self::LastEpoch,
            6 => Self::NameTaken(wire::read_name(r)?),
            7 => Self::NoAddress(wire::read_name(r)?),
            8 => Self::Nothing,
            9 => Self::TooManyEdits,
            10 => Self::TooManySites,
            11 => Self::UnknownSite(wire::read_name(r)?),
            12 => Self::WouldBreakBound {
                n: wire::read_count(r)?,
                f: wire::read_count(r)?,
                c: wire::read_count(r)?,
                needed: r.bool()?.then(|| r.u16().map(usize::from)).transpose()?,
            },
            _ => {
                return Err(DecodeError::Invalid {
                    field: "change error",
                });
            }
        })
    }
}
