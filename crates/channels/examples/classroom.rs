//! Four members of a causal channel over links in memory that deliver in a random order.

#![allow(clippy::print_stdout, reason = "it is its purpose")]

use maftia_channels::{Channel, Class, Opening, Output};
use maftia_protocol::{Event, Protocol as _, Step, Target};
use maftia_types::{Digest, Epoch, FaultModel, Resilience, SiteId, Time};

const MEMBERS: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut members = Vec::new();
    for own in SiteId::all(MEMBERS) {
        let opening = Opening {
            group: Digest([1; 32]),
            epoch: Epoch(0),
            resilience: Resilience::largest(FaultModel::Arbitrary, MEMBERS)?,
            own,
            name: "classroom".to_owned(),
            class: Class::Causal,
            members: SiteId::all(MEMBERS).collect(),
            keys: None,
        };
        members.push(Channel::open(&opening, [])?.0);
    }
    let mut links = Links::default();
    let mut steps = Vec::new();
    for (own, member) in SiteId::all(MEMBERS).zip(&mut members) {
        let (_, step) = member.send(Time::ZERO, format!("hello from {own}").into())?;
        steps.push((own, step));
    }
    loop {
        for (own, step) in steps.drain(..) {
            show(own, &step);
            links.take(own, step);
        }
        let Some((from, to, message)) = links.next() else {
            return Ok(());
        };
        for (own, member) in SiteId::all(MEMBERS).zip(&mut members) {
            if own == to {
                let event = Event::Message {
                    from,
                    message: message.clone(),
                };
                steps.push((own, member.handle(Time::ZERO, event)));
            }
        }
    }
}

fn show(own: SiteId, step: &Step<Channel>) {
    for output in &step.outputs {
        if let Output::Delivered(delivery) = output {
            let text = String::from_utf8_lossy(&delivery.payload);
            println!("{own} delivers: {text}");
        }
    }
}

/// Messages under way.
#[derive(Default)]
struct Links {
    flying: Vec<(SiteId, SiteId, maftia_channels::Message)>,
    dice: usize,
}

impl Links {
    fn take(&mut self, from: SiteId, step: Step<Channel>) {
        for out in step.messages {
            for to in SiteId::all(MEMBERS) {
                let hit = match out.target {
                    Target::All => true,
                    Target::Others => to != from,
                    Target::One(site) => site == to,
                };
                if hit {
                    self.flying.push((from, to, out.message.clone()));
                }
            }
        }
    }

    fn next(&mut self) -> Option<(SiteId, SiteId, maftia_channels::Message)> {
        // A linear congruential generator will do.
        self.dice = (self.dice * 1_103_515_245 + 12_345) % (1 << 31);
        let place = (self.dice >> 8).checked_rem(self.flying.len())?;
        Some(self.flying.swap_remove(place))
    }
}
