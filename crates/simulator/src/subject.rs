use maftia_protocol::{Protocol, Step};
use maftia_types::{SiteId, Time};

/// What is under test: how replicas are built, and the little the simulator must know about a
/// protocol beyond the contract. Implemented by the test, on a type of its own.
pub trait Subject {
    /// The protocol. Messages should share their payloads: one clone is made per recipient.
    type Protocol: Protocol<Message: Clone>;

    /// Builds a site's replica from what its disk holds, with the effects it starts with.
    fn boot(
        &mut self,
        boot: Boot<'_, <Self::Protocol as Protocol>::Record>,
    ) -> (Self::Protocol, Step<Self::Protocol>);

    /// A number that tells things apart, for the trace; see
    /// [`fingerprint_of_bytes`](crate::fingerprint_of_bytes) and
    /// [`fingerprint_of_debug`](crate::fingerprint_of_debug). Once per delivery, record, output
    /// and command: keep it cheap.
    fn fingerprint(&self, item: Item<'_, Self::Protocol>) -> u64;

    /// The check a driver makes before it hands a message to the replica; messages of a site to
    /// itself skip it.
    ///
    /// # Errors
    /// What the link's peer is then blamed for; the message is dropped.
    fn verify(
        &mut self,
        replica: &Self::Protocol,
        from: SiteId,
        message: &<Self::Protocol as Protocol>::Message,
    ) -> Result<(), <Self::Protocol as Protocol>::Misbehaviour> {
        let _ = (replica, from, message);
        Ok(())
    }

    /// Whether a record makes all earlier ones of its disk superfluous. They are dropped when it is
    /// durable.
    fn is_snapshot(&self, record: &<Self::Protocol as Protocol>::Record) -> bool {
        let _ = record;
        false
    }

    /// One line of the log of a replayed run.
    fn describe(&self, item: Item<'_, Self::Protocol>) -> String {
        format!("#{:016x}", self.fingerprint(item))
    }
}

/// What a replica is built from.
#[derive(Debug)]
pub struct Boot<'a, R> {
    /// Which site.
    pub site: SiteId,
    /// The site's own clock.
    pub now: Time,
    /// What its disk holds, oldest first.
    pub records: &'a [R],
    /// Whether the disk was lost at any time: the operator says so when he starts the site again.
    pub wiped: bool,
    /// How often the site was started before. For seeding chance; a real replica cannot know it.
    pub incarnation: u32,
}

/// One thing that passes through the world.
pub enum Item<'a, P: Protocol> {
    /// A client's command.
    Command(&'a P::Command),
    /// A message between sites.
    Message(&'a P::Message),
    /// What a replica handed up.
    Output(&'a P::Output),
    /// What a replica wrote.
    Record(&'a P::Record),
}
