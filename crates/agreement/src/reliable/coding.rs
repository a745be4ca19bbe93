use std::collections::BTreeMap;

use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_crypto::Domain;
use maftia_types::{Digest, Resilience, SITES_MAX, SiteId};

use super::{PAYLOAD_BYTES_MAX, merkle};
use crate::Instance;

const LEAF: Domain = Domain::new("reliable broadcast shard");

/// A shard's length is a multiple of this: the code's vector units take 64 bytes at a time.
const SHARD_BYTES_UNIT: usize = 64;

/// Digests from a leaf to the root of the largest group.
const PATH_MAX: usize = SITES_MAX.next_power_of_two().trailing_zeros() as usize;

/// One site's part of a payload, and how it belongs to a root.
///
/// Any f + 1 of the n shards give the payload back (Reed–Solomon). The leaf of a shard binds the
/// instance, the payload's length and the shard's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shard {
    /// The payload's length in bytes.
    pub length: u32,
    /// The part.
    pub data: Bytes,
    /// From the leaf to the root.
    pub path: Vec<Digest>,
}

/// Cuts a payload into the shards of all sites, in their order, under one root.
///
/// # Panics
/// If the payload is empty or longer than [`PAYLOAD_BYTES_MAX`].
pub fn shards_of(
    instance: Instance,
    resilience: &Resilience,
    payload: &[u8],
) -> (Digest, Vec<Shard>) {
    assert!(is_length(payload.len()), "{} bytes", payload.len());
    let data = encode(resilience, payload);
    let length = u32::try_from(payload.len()).expect("a payload is shorter than 4 GiB");
    let leaves = SiteId::all(resilience.sites()).zip(&data);
    let leaves = leaves.map(|(site, data)| leaf(instance, site, length, data));
    let (root, paths) = merkle::tree(&leaves.collect::<Vec<_>>());
    let shards = data.into_iter().zip(paths).map(|(data, path)| Shard {
        length,
        data: data.into(),
        path,
    });
    (root, shards.collect())
}

impl Shard {
    /// The root that this has as the shard of `site`; none if it has none.
    pub fn root(
        &self,
        instance: Instance,
        resilience: &Resilience,
        site: SiteId,
    ) -> Option<Digest> {
        let length = usize::try_from(self.length).ok()?;
        if !is_length(length) || self.data.len() != shard_bytes(resilience, length) {
            return None;
        }
        let leaf = leaf(instance, site, self.length, &self.data);
        merkle::root(site.index(), resilience.sites(), leaf, &self.path)
    }
}

/// The payload whose shards have this root, from f + 1 or more of them; none if there is none.
///
/// The verdict depends on the root only, not on which shards are there: a root commits to all n, and
/// either they are one payload's or they are not.
pub(super) fn rebuild(
    instance: Instance,
    resilience: &Resilience,
    root: Digest,
    shards: &BTreeMap<SiteId, &Shard>,
) -> Option<Bytes> {
    let length = usize::try_from(shards.values().next()?.length).ok()?;
    let mut payload = decode(resilience, shards)?;
    payload.truncate(length);
    if !maftia_protocol::planted("the root is not compared") {
        let (found, _) = shards_of(instance, resilience, &payload);
        if found != root {
            return None;
        }
    }
    Some(payload.into())
}

fn leaf(instance: Instance, site: SiteId, length: u32, data: &[u8]) -> Digest {
    let mut hasher = instance.hasher(LEAF);
    hasher.number(u64::from(site.as_u8()));
    hasher.number(u64::from(length)).update(data).finish()
}

const fn is_length(length: usize) -> bool {
    0 < length && length <= PAYLOAD_BYTES_MAX
}

const fn shard_bytes(resilience: &Resilience, length: usize) -> usize {
    let part = length.div_ceil(resilience.one_correct());
    part.next_multiple_of(SHARD_BYTES_UNIT)
}

fn encode(resilience: &Resilience, payload: &[u8]) -> Vec<Vec<u8>> {
    let (needed, spare) = counts(resilience);
    let size = shard_bytes(resilience, payload.len());
    let mut padded = payload.to_vec();
    padded.resize(needed * size, 0);
    let mut shards: Vec<Vec<u8>> = padded.chunks(size).map(<[u8]>::to_vec).collect();
    if spare > 0 {
        let coded = reed_solomon_simd::encode(needed, spare, &shards);
        shards.extend(coded.expect("up to 64 shards of one even length can be coded"));
    }
    shards
}

fn decode(resilience: &Resilience, shards: &BTreeMap<SiteId, &Shard>) -> Option<Vec<u8>> {
    let (needed, spare) = counts(resilience);
    let size = shards.values().next()?.data.len();
    let parts = || {
        shards
            .iter()
            .map(|(site, shard)| (site.index(), &shard.data))
    };
    let first = parts().filter(|(index, _)| *index < needed);
    let rest = parts().filter(|(index, _)| *index >= needed);
    let rest = rest.map(|(index, data)| (index - needed, data));
    let restored = if first.clone().count() == needed {
        BTreeMap::new()
    } else {
        reed_solomon_simd::decode(needed, spare, first.clone(), rest).ok()?
    };
    let given: BTreeMap<_, _> = first.collect();
    let mut payload = Vec::with_capacity(needed * size);
    for index in 0..needed {
        match (given.get(&index), restored.get(&index)) {
            (Some(data), _) => payload.extend_from_slice(data),
            (None, Some(data)) => payload.extend_from_slice(data),
            (None, None) => return None,
        }
    }
    Some(payload)
}

/// How many shards suffice, and how many there are beyond those.
const fn counts(resilience: &Resilience) -> (usize, usize) {
    let needed = resilience.one_correct();
    (needed, resilience.sites() - needed)
}

impl Wire for Shard {
    fn encode(&self, writer: &mut Writer) {
        writer.u32(self.length);
        writer.bytes(&self.data);
        writer.length(self.path.len());
        for digest in &self.path {
            writer.digest(digest);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let length = reader.u32()?;
        let data = reader.bytes("shard", PAYLOAD_BYTES_MAX + SHARD_BYTES_UNIT)?;
        let count = reader.length("path", PATH_MAX)?;
        let path = (0..count).map(|_| reader.digest());
        Ok(Self {
            length,
            data,
            path: path.collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use maftia_types::{Epoch, FaultModel};

    use super::*;
    use crate::Context;

    fn setting(n: usize) -> (Instance, Resilience) {
        let resilience = Resilience::largest(FaultModel::Arbitrary, n).unwrap();
        let own = SiteId::new(0).unwrap();
        let context = Context::new(Digest([1; 32]), Epoch(1), resilience, own).unwrap();
        (Instance::new(&context, "test", 1), resilience)
    }

    fn chosen<'a>(shards: &'a [Shard], sites: &[usize]) -> BTreeMap<SiteId, &'a Shard> {
        let site = |index: &usize| SiteId::new(u8::try_from(*index).unwrap()).unwrap();
        sites
            .iter()
            .map(|index| (site(index), &shards[*index]))
            .collect()
    }

    #[test]
    fn any_one_correct_many_shards_give_the_payload_back_and_fewer_do_not() {
        for (n, length) in [
            (1, 1),
            (4, 1),
            (4, 20_001),
            (7, 100_000),
            (31, PAYLOAD_BYTES_MAX),
        ] {
            let (instance, resilience) = setting(n);
            let payload: Vec<u8> = (0..length)
                .map(|at| u8::try_from(at * 31 % 251).unwrap())
                .collect();
            let (root, shards) = shards_of(instance, &resilience, &payload);
            let needed = resilience.one_correct();
            for first in 0..=n - needed {
                let sites: Vec<_> = (first..first + needed).collect();
                let rebuilt = rebuild(instance, &resilience, root, &chosen(&shards, &sites));
                assert_eq!(
                    rebuilt.as_deref(),
                    Some(&payload[..]),
                    "n={n} first={first}"
                );
                let few = chosen(&shards, &sites[1..]);
                assert_eq!(rebuild(instance, &resilience, root, &few), None);
            }
        }
    }

    #[test]
    fn b26_a_shard_has_its_root_at_its_own_place_only_and_with_its_own_length() {
        let (instance, resilience) = setting(4);
        let (root, shards) = shards_of(instance, &resilience, &[7; 20_000]);
        for (index, shard) in (0..).zip(&shards) {
            for site in SiteId::all(4) {
                let found = shard.root(instance, &resilience, site);
                assert_eq!(found == Some(root), site.as_u8() == index);
            }
            let own = SiteId::new(index).unwrap();
            for length in [0, 19_999, 20_001, u32::MAX] {
                let bent = Shard {
                    length,
                    ..shard.clone()
                };
                assert_ne!(bent.root(instance, &resilience, own), Some(root));
            }
            let other = instance.part("other", 1);
            assert_ne!(shard.root(other, &resilience, own), Some(root));
            assert_eq!(Shard::from_bytes(shard.to_bytes()).as_ref(), Ok(shard));
        }
    }

    #[test]
    fn b28_shards_of_no_payload_give_none_whichever_of_them_are_there() {
        let (instance, resilience) = setting(4);
        let (_, shards) = shards_of(instance, &resilience, &[7; 20_000]);
        let mut data: Vec<Vec<u8>> = shards.iter().map(|shard| shard.data.to_vec()).collect();
        data[3][5] ^= 1;
        let leaves = SiteId::all(4).zip(&data);
        let leaves = leaves.map(|(site, data)| leaf(instance, site, 20_000, data));
        let (root, paths) = merkle::tree(&leaves.collect::<Vec<_>>());
        let bent = data.into_iter().zip(paths).map(|(data, path)| Shard {
            length: 20_000,
            data: data.into(),
            path,
        });
        let bent: Vec<_> = bent.collect();
        for sites in [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]] {
            let found = rebuild(instance, &resilience, root, &chosen(&bent, &sites));
            assert_eq!(found, None, "{sites:?}");
        }
    }
}
