use bytes::Bytes;
use maftia_codec::{Wire, Writer};
use maftia_membership::accusations::EXPIRY_INTERVALS;
use maftia_membership::detector::{Level, Reason};
use maftia_types::SiteId;

use super::harness::{Net, first_block, site};
use crate::{Item, Settings};

const D: u8 = 3;

/// Whom each correct site says the group suspects.
fn suspected(net: &Net) -> Vec<Vec<SiteId>> {
    let of = |replica: &crate::Replica| {
        let status = replica.status();
        status.suspected.iter().map(|own| own.site).collect()
    };
    net.replicas[..3].iter().map(of).collect()
}

fn run_until(net: &mut Net, what: &str, done: impl Fn(&Net) -> bool) {
    for _ in 0..2000 {
        if done(net) {
            return;
        }
        net.run(1);
    }
    panic!("{what}: {:?}", suspected(net));
}

#[test]
fn a_mute_site_becomes_suspected_by_the_group_and_is_acquitted_when_it_speaks() {
    let mut net = Net::new(Settings::default());
    net.run(40);
    assert_eq!(suspected(&net), [[], [], []]);
    net.mute = Some(site(D));
    let all = |net: &Net| suspected(net).iter().all(|own| *own == [site(D)]);
    run_until(&mut net, "D is official", all);
    let suspicion = net.replicas[0].status().suspected[0];
    assert_eq!(suspicion.reason, Reason::Mute);
    assert!(suspicion.accusers.len() >= 2);
    net.mute = None;
    let before = net.replicas[0].status().commit;
    let none = |net: &Net| suspected(net).iter().all(Vec::is_empty);
    run_until(&mut net, "D is acquitted", none);
    let commits = net.replicas[0].status().commit - before;
    assert!(
        commits < 64 * EXPIRY_INTERVALS,
        "before it would have expired: {commits}"
    );
}

#[test]
fn a_suspicion_that_lasts_is_renewed_and_does_not_expire() {
    let mut net = Net::new(Settings::default());
    net.mute = Some(site(D));
    let official = |net: &Net| suspected(net)[0] == [site(D)];
    run_until(&mut net, "D is official", official);
    let since = net.replicas[0].status().commit;
    while net.replicas[0].status().commit < since + 64 * (EXPIRY_INTERVALS + 1) {
        net.run(1);
        assert_eq!(suspected(&net)[0], [site(D)]);
    }
    let blocks: u64 = net.replicas[0].status().commit;
    let words = |at: usize| said_by(&net, at);
    let most = blocks / 64 + 2;
    (0..3).for_each(|at| assert!(words(at) <= most, "{} words in {blocks} commits", words(at)));
}

/// Accusations in a site's own blocks.
fn said_by(net: &Net, at: usize) -> u64 {
    let own = net.records[at].iter().filter_map(|record| match record {
        crate::Record::Ordering(maftia_ordering::Record::Block { block, payload })
            if block.author().index() == at =>
        {
            payload.clone()
        }
        _ => None,
    });
    let accuses = |item: &Item| matches!(item, Item::Accuse { .. });
    let words = own.flat_map(|payload| crate::items(&payload).filter(accuses).collect::<Vec<_>>());
    words.count() as u64
}

#[test]
fn a_hostile_site_that_accuses_everyone_changes_nothing() {
    let mut net = Net::new(Settings::default());
    net.mute = Some(site(D));
    let mut writer = Writer::new();
    for accused in SiteId::all(64) {
        for reason in Reason::ALL {
            let accuse = Item::Accuse {
                site: accused,
                reason,
            };
            accuse.encode(&mut writer);
        }
    }
    let payload: Bytes = writer.finish();
    let block = first_block(site(D), &payload, 1);
    for to in 0..3 {
        net.tell(site(to), site(D), block.clone());
    }
    for _ in 0..400 {
        net.run(1);
        for named in suspected(&net).concat() {
            assert_eq!(named, site(D), "only the mute one");
        }
    }
    for replica in &net.replicas[..3] {
        let others = replica.status().levels;
        let doubted = others.iter().filter(|(_, level)| *level != Level::Trusted);
        assert_eq!(
            doubted.map(|(site, _)| *site).collect::<Vec<_>>(),
            [site(D)]
        );
    }
}

#[test]
fn what_is_no_message_counts_against_its_sender() {
    let mut net = Net::new(Settings::default());
    net.run(20);
    for _ in 0..20 {
        let malformed = crate::Command::Malformed {
            site: site(1),
            bytes: 100,
        };
        let now = net.now;
        let Ok(step) = maftia_protocol::Protocol::command(&mut net.replicas[0], now, malformed);
        net.perform(site(0), step);
    }
    net.run(4);
    let level = net.replicas[0].status().levels[0];
    assert!(
        matches!(level, (b, Level::Suspected(own)) if b == site(1) && own.reason == Reason::Invalid),
        "{level:?}"
    );
    net.run(200);
    assert_eq!(
        suspected(&net),
        [[], [], []],
        "one site's word is not the group's"
    );
}
