use std::collections::{BTreeMap, VecDeque};

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::frost::{NonceCommitment, NonceNumber, SentCommitment};
use maftia_types::{Epoch, Incarnation, SITES_MAX, SiteId};

use super::COMMITMENTS_AHEAD;

/// Unused commitments kept of one site. A correct site keeps
/// [`COMMITMENTS_AHEAD`](super::COMMITMENTS_AHEAD); what a faulty one sends beyond this is dropped.
pub const COMMITMENTS_MAX: usize = 64;

/// Commitments of a site whose points are looked at in one commit, found good or not: what a correct
/// site publishes at once, and once more if it restarts meanwhile. Each takes two square roots.
pub(in crate::keys) const LOOKS_MAX: u32 = 32;
const _: () = assert!(LOOKS_MAX as usize == 2 * COMMITMENTS_AHEAD);

/// How far a site's incarnation may jump. A site that was intruded, and claimed a high one, can
/// still claim higher ones ever after: 2³² times.
pub const INCARNATION_STEP_MAX: u64 = 1 << 32;

/// The nonce commitments that sites have published and that no session has named.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Pool {
    sites: BTreeMap<SiteId, Stock>,
    /// Commitments ever taken in: the order in which they were delivered.
    arrivals: u64,
}

/// One site's part of the pool.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Stock {
    /// The life of the site in which the nonces were made. They ended with it.
    pub(in crate::keys) incarnation: Incarnation,
    /// Commitments of this life with a lower number were taken in, named or dropped before.
    pub(in crate::keys) next: u64,
    /// The latest commit in which points of this site were looked at, and of how many commitments.
    looked: (u64, u32),
    unused: VecDeque<Unused>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Unused {
    arrival: u64,
    commitment: NonceCommitment,
}

/// What a commitment was to the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::keys) enum Intake {
    /// Of an earlier life or another epoch, seen before, or beyond the bound.
    Dropped,
    /// The first of a new life: every nonce of earlier ones is gone, named or not.
    NewLife,
    /// One more.
    Taken,
}

impl Pool {
    /// Takes in what `site` commits to, as it came in that commit. Whether the points are points is
    /// looked at last, since it costs most, and of [`LOOKS_MAX`] only.
    pub(in crate::keys) fn add(
        &mut self,
        (epoch, commit): (Epoch, u64),
        site: SiteId,
        sent: &SentCommitment,
    ) -> Intake {
        let NonceNumber {
            incarnation,
            number,
        } = sent.number();
        let stock = self.sites.entry(site).or_default();
        let step = incarnation.0.checked_sub(stock.incarnation.0);
        let Some(step) = step.filter(|step| *step <= INCARNATION_STEP_MAX) else {
            return Intake::Dropped;
        };
        let Some(next) = number.checked_add(1) else {
            return Intake::Dropped;
        };
        let (known, unused) = match step {
            0 => (stock.next, stock.unused.len()),
            _ => (0, 0),
        };
        if sent.epoch() != epoch || number < known || unused >= COMMITMENTS_MAX {
            return Intake::Dropped;
        }
        let looked = match stock.looked {
            (latest, count) if latest == commit => count,
            _ => 0,
        };
        if looked >= LOOKS_MAX {
            return Intake::Dropped;
        }
        stock.looked = (commit, looked + 1);
        let Ok(commitment) = sent.checked() else {
            return Intake::Dropped;
        };
        if step > 0 {
            *stock = Stock {
                incarnation,
                looked: stock.looked,
                ..Stock::default()
            };
        }
        stock.next = next;
        let arrival = self.arrivals;
        self.arrivals += 1;
        stock.unused.push_back(Unused {
            arrival,
            commitment,
        });
        if step > 0 {
            Intake::NewLife
        } else {
            Intake::Taken
        }
    }

    /// When the site's oldest unused commitment was delivered, if it has one.
    pub(in crate::keys) fn oldest(&self, site: SiteId) -> Option<u64> {
        let unused = &self.sites.get(&site)?.unused;
        unused.front().map(|unused| unused.arrival)
    }

    /// Names the site's oldest unused commitment: it is used now, whatever becomes of the session.
    pub(in crate::keys) fn name(&mut self, site: SiteId) -> Option<NonceCommitment> {
        let unused = &mut self.sites.get_mut(&site)?.unused;
        unused.pop_front().map(|unused| unused.commitment)
    }

    /// The site's part, if it ever published anything.
    pub(in crate::keys) fn stock(&self, site: SiteId) -> Option<&Stock> {
        self.sites.get(&site)
    }
}

impl Stock {
    /// The commitments that no session has named.
    pub(in crate::keys) fn unused(&self) -> impl ExactSizeIterator<Item = &NonceCommitment> {
        self.unused.iter().map(|unused| &unused.commitment)
    }
}

impl Wire for Pool {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.arrivals);
        writer.length(self.sites.len());
        for (site, stock) in &self.sites {
            writer.site(*site);
            writer.incarnation(stock.incarnation);
            writer.u64(stock.next);
            writer.u64(stock.looked.0);
            writer.u32(stock.looked.1);
            writer.length(stock.unused.len());
            for unused in &stock.unused {
                writer.u64(unused.arrival);
                unused.commitment.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let arrivals = reader.u64()?;
        let mut sites = BTreeMap::new();
        for _ in 0..reader.length("stocks", SITES_MAX)? {
            let site = reader.site()?;
            let mut stock = Stock {
                incarnation: reader.incarnation()?,
                next: reader.u64()?,
                looked: (reader.u64()?, reader.u32()?),
                unused: VecDeque::new(),
            };
            for _ in 0..reader.length("commitments", COMMITMENTS_MAX)? {
                stock.unused.push_back(Unused {
                    arrival: reader.u64()?,
                    commitment: NonceCommitment::decode(reader)?,
                });
            }
            crate::keys::sessions::put_in_order(&mut sites, site, stock, "stocks")?;
        }
        Ok(Self { sites, arrivals })
    }
}
