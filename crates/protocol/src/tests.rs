use maftia_types::Fault;

use super::*;

struct Child;
struct Parent;

#[derive(Debug, PartialEq)]
struct ParentBlame(u8);

impl From<u8> for ParentBlame {
    fn from(blame: u8) -> Self {
        Self(blame)
    }
}

macro_rules! inert {
    ($name:ident, $blame:ty) => {
        impl Protocol for $name {
            type Command = ();
            type Message = u32;
            type Output = &'static str;
            type Record = u32;
            type Misbehaviour = $blame;
            type Error = ();
            fn command(&mut self, _: Time, (): ()) -> Result<Step<Self>, ()> {
                Err(())
            }
            fn handle(&mut self, _: Time, _: Event<u32>) -> Step<Self> {
                Step::none()
            }
        }
    };
}
inert!(Child, u8);
inert!(Parent, ParentBlame);

#[test]
fn absorbing_keeps_order_release_and_blame_and_returns_the_outputs() {
    let site = SiteId::new(1).unwrap();
    let mut child = Step::<Child>::none();
    child.records.push(1);
    child.send(Target::All, 2);
    child.send_now(Target::One(site), 3);
    child.blame(site, 4);
    child.outputs.push("delivered");

    let mut parent = Step::<Parent>::none();
    parent.records.push(10);
    let outputs = parent.absorb(child, |m| m + 100, |r| r + 200);

    assert_eq!(outputs, ["delivered"]);
    assert_eq!(parent.records, [10, 201]);
    let sent: Vec<_> = parent
        .messages
        .iter()
        .map(|o| (o.target, o.release, o.message))
        .collect();
    assert_eq!(
        sent,
        [
            (Target::All, Release::AfterDurable, 102),
            (Target::One(site), Release::Now, 103)
        ]
    );
    assert_eq!(
        parent.faults,
        [Fault {
            culprit: site,
            misbehaviour: ParentBlame(4)
        }]
    );
    assert!(parent.outputs.is_empty());
}
