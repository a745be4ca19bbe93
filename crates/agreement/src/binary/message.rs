use maftia_codec::{DecodeError, Reader, Wire, Writer};

/// Of a crusader agreement; see the [module](super).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CrusaderMessage {
    /// My input, or that of f + 1.
    Echo1(bool),
    /// The first value vouched for by q.
    Echo2(bool),
    /// What q say, none for ⊥.
    Echo3(Option<bool>),
}

/// Of a graded agreement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GradedMessage {
    /// Of the crusader agreement in it.
    Crusader(CrusaderMessage),
    /// What that gave, none for ⊥.
    Echo4(Option<bool>),
}

/// Of a binary agreement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message<S> {
    /// The decision.
    Decide(bool),
    /// About a round's agreement.
    Round(u32, GradedMessage),
    /// Of a round's coin.
    Share(u32, S),
}

impl Wire for CrusaderMessage {
    fn encode(&self, writer: &mut Writer) {
        writer.u8(match self {
            Self::Echo1(value) => u8::from(*value),
            Self::Echo2(value) => 2 + u8::from(*value),
            Self::Echo3(value) => 4 + byte(*value),
        });
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            value @ 0..=1 => Self::Echo1(value == 1),
            value @ 2..=3 => Self::Echo2(value == 3),
            value @ 4..=6 => Self::Echo3(option(value - 4)),
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}

impl Wire for GradedMessage {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Crusader(message) => message.encode(writer),
            Self::Echo4(value) => writer.u8(7 + byte(*value)),
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut ahead = reader.clone();
        match ahead.u8()? {
            value @ 7..=9 => {
                *reader = ahead;
                Ok(Self::Echo4(option(value - 7)))
            }
            _ => CrusaderMessage::decode(reader).map(Self::Crusader),
        }
    }
}

impl<S: Wire> Wire for Message<S> {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Decide(value) => {
                writer.u8(0);
                writer.bool(*value);
            }
            Self::Round(round, message) => {
                writer.u8(1);
                writer.u32(*round);
                message.encode(writer);
            }
            Self::Share(round, share) => {
                writer.u8(2);
                writer.u32(*round);
                share.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Decide(reader.bool()?),
            1 => Self::Round(reader.u32()?, GradedMessage::decode(reader)?),
            2 => Self::Share(reader.u32()?, S::decode(reader)?),
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}

const fn byte(value: Option<bool>) -> u8 {
    match value {
        Some(false) => 0,
        Some(true) => 1,
        None => 2,
    }
}

const fn option(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}
