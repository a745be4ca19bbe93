//! Signed states, lent to those who copy them.

use bytes::Bytes;
use maftia_activity::suite::chunk_digest;
use maftia_codec::Wire as _;
use maftia_crypto::SigningKey;
use maftia_types::{Digest, Power, Powers};

use super::harness::{CONFIG, Net};
use super::proofs::{execute, group, proof, public, put};
use crate::{Head, Wanted, part_digest};

/// Clients 0 to 3 may read everything; 4, 5 and 6 may not.
fn clients(net: &mut Net) {
    let some = |powers: &[Power]| powers.iter().copied().collect();
    let all = [
        Powers::ALL,
        Powers::ALL,
        Powers::ALL,
        some(&[Power::Operate, Power::Audit]),
        some(&[Power::Operate]),
        some(&[Power::Audit]),
        Powers::NONE,
    ];
    let key = SigningKey::from_seed([9; 32]).public();
    for site in &mut net.replicas {
        site.ledger.clients = all.iter().map(|powers| (key, *powers)).collect();
    }
}

fn head(newest: &Bytes) -> Head {
    Head::from_bytes(newest.slice(..newest.len() - 48)).unwrap()
}

#[test]
fn a_signed_state_is_lent_whole_to_who_may_read_all_of_it() {
    let mut net = group(&[put("greeting", "hello")]);
    clients(&mut net);
    proof(&mut net, 0, b"greeting", 2);
    let key = public(&net);
    let site = &mut net.replicas[0];
    for stranger in [4, 5, 6, 7, u32::MAX] {
        assert_eq!(site.lend(stranger, Wanted::Newest), None, "{stranger}");
    }
    let newest = site.lend(3, Wanted::Newest).unwrap();
    let (head, signature) = (head(&newest), &newest[newest.len() - 48..]);
    let commit = head.commit;
    let digests = site.lend(3, Wanted::Digests { commit }).unwrap();
    let digests = digests.as_chunks::<32>().0.iter();
    let digests: Vec<Digest> = digests.map(|digest| Digest(*digest)).collect();
    let digest = head.over(digests.clone()).unwrap();
    key.certificate(&CONFIG.0, digest.as_bytes(), signature)
        .unwrap();
    for (chunk, digest) in (0..).zip(&digests) {
        let bytes = site.lend(3, Wanted::Chunk { commit, chunk }).unwrap();
        let own = part_digest(&bytes) == *digest;
        assert_ne!(own, chunk_digest(&bytes) == Some(*digest), "{chunk}");
    }
    let chunk = u32::try_from(digests.len()).unwrap();
    assert_eq!(site.lend(3, Wanted::Chunk { commit, chunk }), None);
}

#[test]
fn a_lent_state_stays_while_others_are_signed_and_two_are_lent_at_most() {
    let mut net = group(&[put("greeting", "hello")]);
    clients(&mut net);
    proof(&mut net, 0, b"greeting", 2);
    let newest = |net: &mut Net, key| head(&net.replicas[0].lend(key, Wanted::Newest).unwrap());
    let old = newest(&mut net, 0).commit;
    execute(&mut net, 2, &[put("greeting", "again")]);
    proof(&mut net, 0, b"greeting", 3);
    let wanted = Wanted::Chunk {
        commit: old,
        chunk: 0,
    };
    assert!(newest(&mut net, 1).commit > old);
    assert!(net.replicas[0].lend(0, wanted).is_some());
    assert_eq!(
        net.replicas[0].lend(1, wanted),
        None,
        "it asked for another"
    );
    newest(&mut net, 2);
    assert_eq!(
        net.replicas[0].lend(0, wanted),
        None,
        "two others have come"
    );
}
