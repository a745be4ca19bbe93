use std::sync::Arc;

use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{Digest, SiteId, Time};

use super::{Bound, Coin, Flip};
use crate::{Instance, Misbehaviour, Taken};

/// A common coin as a service: released by command, its value is the output. See the
/// [module](super).
pub struct CommonCoin<C: Coin> {
    flip: Flip<C>,
    released: bool,
    told: bool,
}

/// It was released before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this coin is released already")]
pub struct AlreadyReleased;

impl<C: Coin> CommonCoin<C> {
    /// The coin of an instance.
    pub fn new(coin: Arc<C>, instance: Instance) -> Self {
        Self {
            flip: Flip::new(coin, instance),
            released: false,
            told: false,
        }
    }

    fn take(&mut self, step: &mut Step<Self>, from: SiteId, share: C::Share) {
        let (counts, faults) = self.flip.take(from, share);
        if counts {
            step.records.push(Taken);
        }
        for (culprit, misbehaviour) in faults {
            step.blame(culprit, misbehaviour);
        }
        self.tell(step);
    }

    fn tell(&mut self, step: &mut Step<Self>) {
        if let Some(value) = self.flip.value()
            && !self.told
        {
            self.told = true;
            step.outputs.push(value);
        }
    }
}

impl<C: Coin> Protocol for CommonCoin<C> {
    type Command = ();
    type Message = C::Share;
    type Output = Digest;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = AlreadyReleased;

    fn command(&mut self, _: Time, (): ()) -> Result<Step<Self>, AlreadyReleased> {
        if self.released {
            return Err(AlreadyReleased);
        }
        self.released = true;
        let mut step = Step::none();
        if let Some(share) = self.flip.release(Bound::nothing_is_open()) {
            step.send(Target::All, share); // T1
        }
        self.tell(&mut step);
        Ok(step)
    }

    fn handle(&mut self, _: Time, event: Event<C::Share>) -> Step<Self> {
        let mut step = Step::none();
        if let Event::Message { from, message } = event {
            self.take(&mut step, from, message); // T2
        }
        step
    }
}
