use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_types::SITES_MAX;

/// The longest payload: 64 runs of it at each of 31 members fit into the memory of a small machine.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// What the broadcast of a sender's message carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    /// Causal: how many messages of each member the sender had delivered, by seat. Else empty.
    pub(crate) past: Vec<u64>,
    /// What was sent; none for the end of the sender's messages.
    pub(crate) payload: Option<Bytes>,
}

/// A count, as a list has it.
struct Count(u64);

impl Wire for Count {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.0);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.u64().map(Self)
    }
}

impl Wire for Frame {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.past.len());
        self.past.iter().for_each(|count| writer.u64(*count));
        writer.bool(self.payload.is_some());
        if let Some(payload) = &self.payload {
            writer.bytes(payload);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let past: Vec<Count> = reader.list("past", SITES_MAX)?;
        let payload = match reader.bool()? {
            true => Some(reader.bytes("payload", PAYLOAD_BYTES_MAX)?),
            false => None,
        };
        let past = past.into_iter().map(|Count(count)| count).collect();
        Ok(Self { past, payload })
    }
}
