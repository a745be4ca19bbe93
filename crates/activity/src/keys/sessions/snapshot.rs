use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::cache::Cache;
use super::finished::Finished;
use super::ordered::Sessions;
use super::policy::Uses;
use super::{Conduct, OPEN_MAX, put_in_order};
use crate::keys::certificates::Certificates;
use crate::keys::channels::Channels;
use crate::keys::ordered::KEYS_MAX;
use crate::keys::sealing::Audit;
use crate::keys::signing::{Pool, Registers};
use crate::keys::transcripts::Transcripts;

impl Wire for Sessions {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.now_ms);
        writer.u64(self.latest);
        map(writer, &self.open);
        self.finished.encode(writer);
        map(writer, &self.policies);
        self.registers.encode(writer);
        self.pool.encode(writer);
        self.conduct.encode(writer);
        map(writer, &self.beacons);
        self.certificates.encode(writer);
        self.transcripts.encode(writer);
        self.audit.encode(writer);
        self.uses.encode(writer);
        self.channels.encode(writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            now_ms: reader.u64()?,
            latest: reader.u64()?,
            open: read_map(reader, "open sessions", OPEN_MAX)?,
            finished: Finished::decode(reader)?,
            policies: read_map(reader, "policies", 2 * KEYS_MAX)?,
            registers: Registers::decode(reader)?,
            pool: Pool::decode(reader)?,
            conduct: Conduct::decode(reader)?,
            beacons: read_map(reader, "beacons", KEYS_MAX)?,
            certificates: Certificates::decode(reader)?,
            transcripts: Transcripts::decode(reader)?,
            audit: Audit::decode(reader)?,
            uses: Uses::decode(reader)?,
            channels: Channels::decode(reader)?,
            cache: Cache::default(),
        })
    }
}

fn map<K: Wire, V: Wire>(writer: &mut Writer, map: &BTreeMap<K, V>) {
    writer.length(map.len());
    for (key, value) in map {
        key.encode(writer);
        value.encode(writer);
    }
}

fn read_map<K: Wire + Ord, V: Wire>(
    reader: &mut Reader,
    field: &'static str,
    max: usize,
) -> Result<BTreeMap<K, V>, DecodeError> {
    let mut map = BTreeMap::new();
    for _ in 0..reader.length(field, max)? {
        let key = K::decode(reader)?;
        put_in_order(&mut map, key, V::decode(reader)?, field)?;
    }
    Ok(map)
}
