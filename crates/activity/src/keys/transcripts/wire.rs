use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::{Of, Open, STATEMENT_BYTES_MAX, Signed, Transcript, Transcripts};
use crate::keys::ordered::KEYS_MAX;
use crate::keys::record::KeyId;
use crate::keys::sessions::put_in_order;
use crate::keys::signing::Shares;

impl Wire for Transcript {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.statement);
        writer.raw(&self.signature);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            statement: reader.bytes("statement", STATEMENT_BYTES_MAX)?,
            signature: reader.array()?,
        })
    }
}

impl Wire for Transcripts {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.made.len());
        for (key, signed) in &self.made {
            key.encode(writer);
            writer.u32(signed.version);
            writer.raw(&signed.signature);
        }
        writer.option(self.open.as_ref());
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        const FIELD: &str = "signed transcripts";
        let mut transcripts = Self::default();
        for _ in 0..reader.length(FIELD, 2 * KEYS_MAX)? {
            let key = KeyId::decode(reader)?;
            let signed = Signed {
                version: reader.u32()?,
                signature: reader.array()?,
            };
            put_in_order(&mut transcripts.made, key, signed, FIELD)?;
        }
        transcripts.open = reader.option()?;
        Ok(transcripts)
    }
}

impl Wire for Open {
    fn encode(&self, writer: &mut Writer) {
        write_of(writer, self.about);
        write_of(writer, self.by);
        self.shares.encode(writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            about: read_of(reader)?,
            by: read_of(reader)?,
            shares: Shares::decode(reader)?,
        })
    }
}

pub(in crate::keys) fn write_of(writer: &mut Writer, (key, version): Of) {
    key.encode(writer);
    writer.u32(version);
}

pub(in crate::keys) fn read_of(reader: &mut Reader) -> Result<Of, DecodeError> {
    Ok((KeyId::decode(reader)?, reader.u32()?))
}
