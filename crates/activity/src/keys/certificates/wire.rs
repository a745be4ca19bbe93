use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::SITES_MAX;

use super::{CERTIFICATES_KEPT, Certificate, Certificates, Open, Stated, VOTES_PER_SITE};
use crate::keys::record::KeyId;
use crate::keys::sessions::put_in_order;
use crate::keys::signing::Shares;

impl Wire for Certificate {
    fn encode(&self, writer: &mut Writer) {
        write_stated(writer, (self.commit, self.digest));
        writer.raw(&self.signature);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let (commit, digest) = read_stated(reader)?;
        Ok(Self {
            commit,
            digest,
            signature: reader.array()?,
        })
    }
}

impl Wire for Certificates {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.votes.len());
        for (site, votes) in &self.votes {
            writer.site(*site);
            writer.length(votes.len());
            votes.iter().for_each(|vote| write_stated(writer, *vote));
        }
        writer.bool(self.stable.is_some());
        if let Some(stable) = self.stable {
            write_stated(writer, stable);
        }
        writer.option(self.open.as_ref());
        writer.length(self.made.len());
        self.made.iter().for_each(|made| made.encode(writer));
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut certificates = Self::default();
        for _ in 0..reader.length("voters", SITES_MAX)? {
            let site = reader.site()?;
            let count = reader.length("votes", VOTES_PER_SITE)?;
            let votes = (0..count).map(|_| read_stated(reader));
            let votes = votes.collect::<Result<_, _>>()?;
            put_in_order(&mut certificates.votes, site, votes, "voters")?;
        }
        certificates.stable = match reader.bool()? {
            true => Some(read_stated(reader)?),
            false => None,
        };
        certificates.open = reader.option()?;
        certificates.made = reader.list("certificates", CERTIFICATES_KEPT)?.into();
        Ok(certificates)
    }
}

impl Wire for Open {
    fn encode(&self, writer: &mut Writer) {
        write_stated(writer, (self.commit, self.digest));
        self.of.0.encode(writer);
        writer.u32(self.of.1);
        self.shares.encode(writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let (commit, digest) = read_stated(reader)?;
        Ok(Self {
            commit,
            digest,
            of: (KeyId::decode(reader)?, reader.u32()?),
            shares: Shares::decode(reader)?,
        })
    }
}

fn write_stated(writer: &mut Writer, (commit, digest): Stated) {
    writer.u64(commit);
    writer.digest(&digest);
}

fn read_stated(reader: &mut Reader) -> Result<Stated, DecodeError> {
    Ok((reader.u64()?, reader.digest()?))
}
