use maftia_codec::Wire as _;
use maftia_types::Fault;

use super::*;
use crate::samples::{GROUP, add, change, id, key, later_view, remove, replace, view};
use crate::view::View;

/// A group's views, and the certificates between them.
struct History {
    views: Vec<View>,
    certificates: Vec<Certificate>,
}

/// Four sites, then another in place of site 2, then a fifth, then without the first.
fn history() -> History {
    let mut views = vec![view(4, 1)];
    let mut certificates = Vec::new();
    let changes = [
        (change([replace(2, 4)]), [0, 1, 2, 3].as_slice()),
        (change([add(5)]), &[0, 1, 4, 3]),
        (change([remove(0)]), &[0, 1, 4, 3, 5]),
    ];
    for (number, (change, signers)) in (1u8..).zip(changes) {
        let former = views.last().unwrap();
        let next = former.change(&change).unwrap();
        let handover = handover_to(next.view.clone(), number);
        let quorum = former.resilience().quorum();
        certificates.push(certified(&handover, &signers[..quorum], former));
        views.push(next.view);
    }
    History {
        views,
        certificates,
    }
}

fn handover_to(view: View, number: u8) -> Handover {
    Handover {
        commit: u64::from(number) * 100,
        chain: Digest([number; 32]),
        view,
    }
}

/// Signed by sites, each on its seat of the former view; strangers after it.
fn certified(handover: &Handover, signers: &[u8], former: &View) -> Certificate {
    let seat = |site: u8| former.seat_of(&key(site).public()).unwrap_or(id(60));
    let signatures = signers.iter().map(|site| {
        let vote = handover.sign(&key(*site));
        (seat(*site), vote.signature)
    });
    Certificate::new(handover.clone(), signatures)
}

fn second() -> Handover {
    history().certificates[0].handover().clone()
}

#[test]
fn a_quorum_of_the_former_view_certifies_and_one_fewer_does_not() {
    let (former, handover) = (view(4, 1), second());
    assert_eq!(
        certified(&handover, &[0, 1, 3], &former).verify(&former),
        Ok(())
    );
    assert_eq!(
        certified(&handover, &[0, 1, 2, 3], &former).verify(&former),
        Ok(())
    );
    let (found, needed) = (2, 3);
    assert_eq!(
        certified(&handover, &[1, 3], &former).verify(&former),
        Err(CertificateError::TooFew { found, needed })
    );
}

#[test]
fn a_site_that_signs_twice_counts_once() {
    let (former, handover) = (view(4, 1), second());
    let twice = certified(&handover, &[0, 0, 1, 1], &former);
    assert_eq!(twice.signers().len(), 2);
    assert!(twice.verify(&former).is_err());
    // The same signature under another seat is that seat's bad one.
    let vote = handover.sign(&key(0)).signature;
    let copies = (0..4).map(|seat| (id(seat), vote));
    assert_eq!(
        Certificate::new(handover, copies).verify(&former),
        Err(CertificateError::BadSignature(id(1)))
    );
}

#[test]
fn joiners_and_strangers_certify_nothing() {
    let (former, handover) = (view(4, 1), second());
    let by_joiner = certified(&handover, &[0, 1, 4], &former);
    let stranger = Err(CertificateError::Stranger(id(60)));
    assert_eq!(by_joiner.verify(&former), stranger);
    // Not in addition to enough others either.
    let padded = certified(&handover, &[0, 1, 3, 4], &former);
    assert_eq!(padded.verify(&former), stranger);
}

#[test]
fn a_certificate_leads_from_one_view_of_one_group_only() {
    let former = view(4, 1);
    let certificate = certified(&second(), &[0, 1, 3], &former);
    let (early, late) = (view(4, 1), later_view(1, &[0, 1, 2, 3], 1));
    assert_eq!(certificate.verify(&early), Ok(()));
    let (former, found) = (Epoch(1), Epoch(1));
    assert_eq!(
        certificate.verify(&late),
        Err(CertificateError::Epoch { former, found })
    );
    // Other sites on the same seats.
    let others = View::genesis(
        GROUP,
        late.resilience(),
        (10..14).map(|site| (format!("o{site}"), key(site).public())),
    )
    .unwrap();
    assert_eq!(
        certificate.verify(&others),
        Err(CertificateError::BadSignature(id(0)))
    );
    let elsewhere = View::genesis(
        Digest([8; 32]),
        late.resilience(),
        (0..4).map(|site| (format!("s{site}"), key(site).public())),
    )
    .unwrap();
    assert_eq!(certificate.verify(&elsewhere), Err(CertificateError::Group));
}

#[test]
fn no_altered_certificate_verifies() {
    let former = view(4, 1);
    let bytes = certified(&second(), &[0, 1, 3], &former).to_bytes();
    assert!(
        Certificate::from_bytes(bytes.clone())
            .unwrap()
            .verify(&former)
            .is_ok()
    );
    for place in 0..bytes.len() {
        let mut altered = bytes.to_vec();
        altered[place] ^= 1;
        let verdict = Certificate::from_bytes(altered.into()).map(|c| c.verify(&former));
        assert!(!matches!(verdict, Ok(Ok(()))), "{place}");
    }
    for length in 0..bytes.len() {
        assert!(Certificate::from_bytes(bytes.slice(..length)).is_err());
    }
}

#[test]
fn c21_signers_are_decoded_in_the_order_of_seats_only() {
    let former = view(4, 1);
    let certificate = certified(&second(), &[0, 1, 3], &former);
    let bytes = certificate.to_bytes();
    let (head, signatures) = bytes.split_at(bytes.len() - 3 * 65);
    let swapped: Vec<u8> = [
        head,
        &signatures[65..130],
        &signatures[..65],
        &signatures[130..],
    ]
    .concat();
    assert!(Certificate::from_bytes(swapped.into()).is_err());
    let twice: Vec<u8> = [
        head,
        &signatures[..65],
        &signatures[..65],
        &signatures[130..],
    ]
    .concat();
    assert!(Certificate::from_bytes(twice.into()).is_err());
    assert_eq!(Certificate::from_bytes(bytes), Ok(certificate));
}

/// The thresholds follow from the model: who does not know it cannot say what a quorum is.
#[test]
fn a_certificate_whose_view_is_of_an_unknown_model_does_not_decode() {
    let certificate = &history().certificates[0];
    let bytes = certificate.to_bytes();
    let view = certificate.handover().view.to_bytes();
    let starts = bytes.windows(view.len()).position(|part| part == view);
    // After the group and the epoch.
    let model = starts.unwrap() + 40;
    assert_eq!(
        Certificate::from_bytes(bytes.clone()).as_ref(),
        Ok(certificate)
    );
    for unknown in [0, 4, u8::MAX] {
        let mut other = bytes.to_vec();
        other[model] = unknown;
        let refused = Certificate::from_bytes(other.into());
        assert_eq!(refused, Err(DecodeError::Invalid { field: "model" }));
    }
}

#[test]
fn a_chain_leads_from_any_view_one_trusts_to_the_last() {
    let History {
        views,
        certificates,
    } = history();
    for start in 0..4 {
        let end = follow(&views[start], &certificates[start..]);
        assert_eq!(end.as_ref(), Ok(&views[3]), "{start}");
    }
}

#[test]
fn a_chain_with_a_gap_or_out_of_order_stops_there() {
    let History {
        views,
        certificates,
    } = history();
    let [one, two, three] = certificates.try_into().unwrap();
    let epoch = |former, found| CertificateError::Epoch {
        former: Epoch(former),
        found: Epoch(found),
    };
    for (chain, after, source) in [
        (vec![one.clone(), three.clone()], 1, epoch(1, 3)),
        (vec![two.clone(), one.clone()], 0, epoch(0, 2)),
        (vec![one.clone(), one.clone()], 1, epoch(1, 1)),
        (vec![one, two, three.clone(), three], 3, epoch(3, 3)),
    ] {
        let after = Epoch(after);
        assert_eq!(follow(&views[0], &chain), Err(ChainError { after, source }));
    }
}

#[test]
fn a_fork_needs_a_quorum_of_the_view_it_leaves() {
    let former = view(4, 1);
    // One intruded site, and one that was replaced later and whose key was stolen then.
    let forged = handover_to(former.change(&change([replace(0, 9)])).unwrap().view, 1);
    let fork = certified(&forged, &[2, 3], &former);
    let (found, needed) = (2, 3);
    let error = ChainError {
        after: Epoch(0),
        source: CertificateError::TooFew { found, needed },
    };
    assert_eq!(follow(&former, &[fork]), Err(error));
}

#[test]
fn a_collector_gathers_votes_to_a_certificate_at_a_quorum() {
    let (former, handover) = (view(4, 1), second());
    let mut collector = Collector::new(former.clone());
    for (site, expected) in [(3, false), (1, false), (0, true)] {
        assert_eq!(collector.add(id(site), handover.sign(&key(site))), Ok(true));
        let certificate = collector.certificate(&handover);
        assert_eq!(certificate.is_some(), expected, "{site}");
        // Again is no news.
        assert_eq!(
            collector.add(id(site), handover.sign(&key(site))),
            Ok(false)
        );
    }
    let certificate = collector.certificate(&handover).unwrap();
    assert_eq!(certificate.verify(&former), Ok(()));
    assert_eq!(collector.faults(&handover).count(), 0);
}

#[test]
fn a_forged_vote_is_blamed_and_not_counted() {
    let (former, handover) = (view(4, 1), second());
    let mut collector = Collector::new(former);
    let by_other = handover.sign(&key(1));
    assert_eq!(collector.add(id(0), by_other), Err(Misbehaviour::BadVote));
    assert_eq!(
        collector.add(id(4), handover.sign(&key(4))),
        Err(Misbehaviour::BadVote)
    );
    assert!(collector.voters().is_empty());
}

#[test]
fn a_site_that_signs_two_next_views_is_blamed_and_its_first_word_stays() {
    let (former, handover) = (view(4, 1), second());
    let mut other = handover.clone();
    other.commit += 1;
    let mut collector = Collector::new(former);
    assert_eq!(collector.add(id(0), other.sign(&key(0))), Ok(true));
    assert_eq!(
        collector.add(id(0), handover.sign(&key(0))),
        Err(Misbehaviour::TwoVotes)
    );
    for site in [1, 2] {
        assert_eq!(collector.add(id(site), handover.sign(&key(site))), Ok(true));
    }
    let faults: Vec<_> = collector.faults(&handover).collect();
    let fault = Fault {
        culprit: id(0),
        misbehaviour: Misbehaviour::WrongVote,
    };
    assert_eq!(faults, [fault]);
    assert_eq!(collector.certificate(&handover), None);
    assert_eq!(collector.add(id(3), handover.sign(&key(3))), Ok(true));
    assert_eq!(collector.certificate(&handover).unwrap().signers().len(), 3);
}

#[test]
fn a_vote_of_another_epoch_or_group_is_passed_over() {
    let later = &history().certificates[1];
    let mut collector = Collector::new(view(4, 1));
    let late = later.handover().sign(&key(0));
    assert_eq!(collector.add(id(0), late), Ok(false));
    let mut elsewhere = second().sign(&key(0));
    elsewhere.statement.group = Digest([8; 32]);
    assert_eq!(collector.add(id(0), elsewhere), Ok(false));
    assert!(collector.voters().is_empty());
}

#[test]
fn what_is_signed_covers_the_handover_and_reads_back() {
    let handover = second();
    let vote = handover.sign(&key(0));
    assert_eq!(Vote::from_bytes(vote.to_bytes()), Ok(vote));
    assert_eq!(
        Handover::from_bytes(handover.to_bytes()),
        Ok(handover.clone())
    );
    let mut others = [handover.clone(), handover.clone(), handover.clone()];
    others[0].commit += 1;
    others[1].chain = Digest([9; 32]);
    others[2].view = later_view(1, &[0, 1, 2, 3], 1);
    for other in others {
        assert_ne!(other.statement(), handover.statement());
        assert_ne!(other.config(), GROUP);
    }
}
