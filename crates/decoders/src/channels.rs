//! What members of a channel of `maftia-channels` tell each other, and what one keeps.

use maftia_agreement::host;
use maftia_agreement::reliable::{self, PlainMessage};
use maftia_channels::{Body, Message, Record, RunMessage};
use maftia_codec::{Bytes, Wire};
use maftia_types::{Digest, Epoch, SiteId};

pub(crate) fn message_seeds() -> Vec<Bytes> {
    let (sender, sequence) = (site(), 7);
    let bodies = [
        Body::Ask { sender, from: 3 },
        Body::Delivered { count: 9 },
        Body::Forgotten { sender, oldest: 4 },
        Body::Plain {
            sequence,
            frame: frame(),
        },
        Body::Run {
            sender,
            message: host::Message::Say {
                epoch: Epoch(2),
                number: sequence,
                message: run(),
            },
        },
        Body::Told {
            sender,
            sequence,
            frame: frame(),
        },
    ];
    let channel = Digest([3; 32]);
    let messages = bodies.map(|body| Message { channel, body }.to_bytes());
    messages.to_vec()
}

pub(crate) fn record_seeds() -> Vec<Bytes> {
    let (sender, number) = (site(), 7);
    let records = [
        host::Record::Asked {
            number,
            command: frame(),
        },
        host::Record::Closed { below: 3 },
        host::Record::Heard {
            number,
            from: sender,
            message: run(),
        },
    ];
    let runs = records.map(|record| Record::Run { sender, record });
    let all = runs.into_iter().chain([Record::Reserved { below: 1024 }]);
    all.map(|record| record.to_bytes()).collect()
}

fn run() -> RunMessage {
    RunMessage::Reliable(reliable::Message::Plain(PlainMessage::Echo(frame())))
}

fn frame() -> Bytes {
    Bytes::from_static(&[0, 0, 0, 0, 1, 4, 0, 0, 0, 7, 7, 7, 7])
}

fn site() -> SiteId {
    SiteId::new(1).expect("there is a second site")
}
