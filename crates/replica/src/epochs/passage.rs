use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_membership::Certificate;
use maftia_membership::handover::Vote;
use maftia_types::{Epoch, SiteId};

use super::word::Word;

/// Certificates sent in one message: the oldest first, the rest when asked again.
pub const CERTIFICATES_MAX: usize = 16;

/// What sites say to each other about epochs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Passage {
    /// "I know the view of this epoch: what came after it?"
    Ask {
        /// The epoch.
        epoch: Epoch,
    },
    /// A vote for the view after the one asked about.
    Vote {
        /// The voter's seat in the former view.
        seat: SiteId,
        /// Its vote.
        vote: Vote,
    },
    /// What leads on from the epoch asked about, in order.
    Chain(Vec<Certificate>),
    /// To be put into the log.
    Word(Box<Word>),
}

impl Wire for Passage {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Ask { epoch } => {
                writer.u8(0);
                writer.epoch(*epoch);
            }
            Self::Vote { seat, vote } => {
                writer.u8(1);
                writer.site(*seat);
                vote.encode(writer);
            }
            Self::Chain(chain) => {
                writer.u8(2);
                writer.list(chain);
            }
            Self::Word(word) => {
                writer.u8(3);
                word.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Ask {
                epoch: reader.epoch()?,
            },
            1 => Self::Vote {
                seat: reader.site()?,
                vote: Vote::decode(reader)?,
            },
            2 => Self::Chain(reader.list("certificates", CERTIFICATES_MAX)?),
            3 => Self::Word(Box::new(Word::decode(reader)?)),
            _ => return Err(DecodeError::Invalid { field: "passage" }),
        })
    }
}
