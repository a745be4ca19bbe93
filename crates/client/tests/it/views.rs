//! A client whose group's sites change: real links, and sites that say what they are told to.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use maftia_client::{Client, ClientConfig, Outcome};
use maftia_codec::Wire;
use maftia_config::{GroupFile, Kind, Plan, generate};
use maftia_crypto::SigningKey;
use maftia_membership::{Certificate, Change, Edit, Handover, Member};
use maftia_multipoint::{Class, Config, Limits, LinkId, Listen, Network, NetworkEvent, Peer, To};
use maftia_replica::{ClientMessage, Fate, Reply, SiteMessage};
use maftia_types::{Digest, Epoch};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::oneshot;

use crate::group::within;

/// What all sites know of later views.
type Chain = Arc<Mutex<Vec<Certificate>>>;

/// A site that answers every request with its name, and questions with the chain.
struct Site {
    stop: oneshot::Sender<()>,
    stopped: oneshot::Receiver<()>,
}

struct Scripted {
    network: Network,
    result: Bytes,
    chain: Chain,
}

fn limits() -> Limits {
    Limits {
        redial_max: Duration::from_millis(40),
        ..Limits::default()
    }
}

impl Site {
    fn run(
        file: &GroupFile,
        (key, listener): (&SigningKey, TcpListener),
        result: &'static str,
        chain: &Chain,
    ) -> Self {
        let config = Config {
            directory: file.directory().clone(),
            listen: Listen::On(listener),
            instance: 0,
            limits: limits(),
        };
        let (network, mut events) = Network::start(key, config).unwrap();
        let site = Scripted {
            network,
            result: result.into(),
            chain: chain.clone(),
        };
        let (stop, mut stopping) = oneshot::channel();
        let (done, stopped) = oneshot::channel();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut stopping => break,
                    event = events.recv() => site.on_event(event.unwrap()),
                }
            }
            site.network.shutdown().await;
            let _ = done.send(());
        });
        Self { stop, stopped }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        within(self.stopped).await.unwrap();
    }
}

impl Scripted {
    fn on_event(&self, event: NetworkEvent) {
        let NetworkEvent::Message(message) = event else {
            return;
        };
        if !matches!(message.peer, Peer::Client(_)) {
            return;
        }
        let (session, incarnation, spans) =
            match ClientMessage::from_bytes(message.bytes.clone()).unwrap() {
                ClientMessage::Views { epoch } => return self.show(message.link, epoch),
                ClientMessage::Submit {
                    session,
                    incarnation,
                    batches,
                } => {
                    let spans: Vec<_> = batches.iter().map(|(span, _)| *span).collect();
                    (session, incarnation, spans)
                }
                ClientMessage::Vouch {
                    session,
                    incarnation,
                    digests,
                } => {
                    let spans = digests.iter().map(|(span, _)| *span).collect();
                    (session, incarnation, spans)
                }
                other => panic!("{other:?}"),
            };
        let reply = |sequence: maftia_types::Sequence| Reply {
            sequence,
            fate: Fate::Executed {
                position: sequence.0,
                result: self.result.clone(),
            },
        };
        let numbers = spans.iter().flat_map(|span| span.numbers());
        let message_of = SiteMessage::Replies {
            session,
            incarnation,
            replies: numbers.map(reply).collect(),
        };
        self.say(message.link, &message_of);
    }

    fn show(&self, link: LinkId, epoch: Epoch) {
        let chain = self.chain.lock().unwrap();
        let later = chain.iter();
        let later = later.filter(|own| own.handover().view.epoch() > epoch);
        self.say(link, &SiteMessage::Views(later.cloned().collect()));
    }

    fn say(&self, link: LinkId, message: &SiteMessage) {
        let _ = self
            .network
            .send(To::Link(link), Class::Payload, message.to_bytes());
    }
}

#[tokio::test]
async fn a_client_follows_its_group_to_a_site_that_joined() {
    let bind = |_| TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sockets: Vec<TcpListener> = (0..5).map(bind).collect();
    let addresses: Vec<_> = sockets.iter().map(|l| l.local_addr().unwrap()).collect();
    let plan = Plan {
        fast_path: None,
        asynchronous: maftia_types::CoinUse::Never,
        member_approvals: std::num::NonZeroU8::MIN,
        name: "test".to_owned(),
        kind: Kind::Dev,
        sites: addresses[..4].to_vec(),
        http: Vec::new(),
        clients: vec!["app".to_owned()],
    };
    let made = generate(plan, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
    let (file, keys) = (made.group, made.sites);
    let joiner = SigningKey::from_seed([9; 32]);
    let edits = vec![Edit::Replace {
        name: "B".to_owned(),
        with: Member {
            name: "E".to_owned(),
            key: joiner.public(),
            address: Some(addresses[4]),
            http: None,
        },
    }];
    let next = file.view().change(&Change { edits, f: None }).unwrap();
    let later = file.with_view(&next.view, &[]).unwrap();

    let chain = Chain::default();
    let fifth = sockets.pop().unwrap();
    let run = |of: usize, result| {
        let socket = sockets[of].try_clone().unwrap();
        Site::run(&file, (&keys[of].key, socket), result, &chain)
    };
    // D is silent for good: it takes two of the other three.
    let (a, b, _c) = (run(0, "right"), run(1, "right"), run(2, "right"));
    let _e = Site::run(&later, (&joiner, fifth), "right", &chain);
    let mut config = ClientConfig::new(
        file.clone(),
        SigningKey::from_seed(*made.clients[0].key.seed().unwrap()),
    );
    config.limits = limits();
    let client = Client::connect(config).unwrap();
    let right = |outcome| matches!(outcome, Outcome::Committed { result, .. } if result == "right");
    assert!(right(within(client.execute("one".into())).await.outcome));
    assert_eq!(client.group().epoch(), Epoch(0));

    let handover = Handover {
        commit: 1,
        chain: Digest::ZERO,
        view: next.view.clone(),
    };
    let signed = [0, 2, 3].map(|of| {
        let seat = file.place(&keys[of].key.public()).unwrap();
        (seat, handover.sign(&keys[of].key).signature)
    });
    let certificate = Certificate::new(handover, signed);
    chain.lock().unwrap().push(certificate.clone());
    let mut known = client.known();
    // Its link breaks: that is when the client asks what is new.
    b.stop().await;
    within(known.changed()).await.unwrap();
    assert_eq!(known.borrow().epoch(), Epoch(1));
    assert_eq!(known.borrow().chain, [certificate]);
    assert_eq!(client.group().view(), &next.view);

    // Only C and the site that joined are left.
    a.stop().await;
    assert!(right(within(client.execute("two".into())).await.outcome));
    client.shutdown().await;
}
