use bytes::Bytes;
use maftia_codec::{Wire as _, Writer};
use maftia_types::SITES_MAX;

use crate::keys::ceremony::{Ceremony, dealing_digest};
use crate::keys::record::{SHARING_BYTES_MAX, index_of};
use crate::keys::{KeyRecord, NAME_BYTES_MAX, Setup, Version};

/// The longest statement: a dealer takes a key, an outcome and a digest, a member a key and a mark.
pub const STATEMENT_BYTES_MAX: usize =
    256 + NAME_BYTES_MAX + SITES_MAX * (65 + 33) + SHARING_BYTES_MAX;

/// What became of a dealer, if it was not convicted;
/// [`Misdealing`](super::super::ceremony::Misdealing) has numbers of its own, which are told from
/// these by [`CONVICTED`].
const NOT_NEEDED: u8 = 0;
const QUALIFIED: u8 = 1;
const CONVICTED: u8 = 0x40;

/// What there is to say of a ceremony once its sharing is made: who could deal, who is qualified,
/// who is convicted and of what, who gets shares, and the public polynomial. Sites are named by
/// their keys, since an outsider has no numbers for them. Numbers are little-endian.
pub(in crate::keys) fn statement(
    setup: &Setup,
    record: &KeyRecord,
    ceremony: &Ceremony,
    made: &Version,
) -> Bytes {
    let key_of = |site| setup.key_of(site).map_or([0; 32], |key| *key.as_bytes());
    let mut w = Writer::new();
    w.digest(&setup.group);
    w.epoch(setup.epoch);
    w.u64(made.ceremony);
    w.digest(&made.run);
    record.id.encode(&mut w);
    w.bytes(record.name.as_bytes());
    record.scheme.encode(&mut w);
    w.u32(made.number);
    w.digest(&made.transcript);
    w.length(ceremony.dealers.len());
    for dealer in &ceremony.dealers {
        w.raw(&key_of(*dealer));
        let place = index_of(&ceremony.dealers, *dealer);
        let mut dealings = made.dealings.iter();
        let dealing = dealings.find(|own| Some(own.dealer()) == place);
        match (ceremony.culprits.get(dealer), dealing) {
            (Some(misdealing), _) => w.u8(CONVICTED | misdealing.number()),
            (None, Some(dealing)) => {
                w.u8(QUALIFIED);
                w.digest(&dealing_digest(dealing.dealing()));
            }
            (None, None) => w.u8(NOT_NEEDED),
        }
    }
    w.length(made.members.len());
    for member in &made.members {
        w.raw(&key_of(*member));
        w.bool(made.exposed.contains(*member));
    }
    w.bytes(&made.sharing.to_bytes());
    w.finish()
}
