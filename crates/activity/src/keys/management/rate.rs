use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};

use crate::keys::Refusal;
use crate::keys::sessions::put_in_order;
use crate::replication::Context;

/// Ceremonies that all clients together begin in one minute of commit time. Each costs every site a
/// dealing, n verifications and a place in blocks: at n = 31 a second of work.
pub const CEREMONIES_PER_MINUTE: u32 = 32;

/// Ceremonies that one client begins in one minute: half, so that one cannot keep all others out.
pub const CEREMONIES_PER_MINUTE_PER_CLIENT: u32 = 16;

/// Who has begun how many ceremonies in the present minute of commit time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::keys) struct Rate {
    minute: u64,
    /// By client key. The sum is at most [`CEREMONIES_PER_MINUTE`].
    begun: BTreeMap<u32, u32>,
}

impl Rate {
    /// Whether the client may begin one more.
    pub(super) fn check(&self, context: &Context) -> Result<(), Refusal> {
        if self.minute != minute(context) {
            return Ok(());
        }
        let own = self.begun.get(&context.client.key).copied().unwrap_or(0);
        let all: u32 = self.begun.values().sum();
        if own >= CEREMONIES_PER_MINUTE_PER_CLIENT || all >= CEREMONIES_PER_MINUTE {
            return Err(Refusal::RateLimited);
        }
        Ok(())
    }

    /// One more was begun.
    pub(super) fn count(&mut self, context: &Context) {
        let minute = minute(context);
        if self.minute != minute {
            self.minute = minute;
            self.begun.clear();
        }
        *self.begun.entry(context.client.key).or_default() += 1;
    }
}

const fn minute(context: &Context) -> u64 {
    context.commit_time_ms / 60_000
}

impl Wire for Rate {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.minute);
        w.length(self.begun.len());
        for (client, begun) in &self.begun {
            w.u32(*client);
            w.u32(*begun);
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        const BEGUN: &str = "ceremonies begun";
        let minute = r.u64()?;
        let mut begun = BTreeMap::new();
        let mut all = 0;
        for _ in 0..r.length(BEGUN, CEREMONIES_PER_MINUTE as usize)? {
            let (client, count) = (r.u32()?, r.u32()?);
            all = count.saturating_add(all);
            put_in_order(&mut begun, client, count, BEGUN)?;
        }
        if all > CEREMONIES_PER_MINUTE {
            return Err(DecodeError::Invalid { field: BEGUN });
        }
        Ok(Self { minute, begun })
    }
}
