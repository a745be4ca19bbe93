use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_threshold::tdh2::Opener;

use super::Place;
use crate::keys::{Ordered, Site, sealing};

impl Site {
    /// This site's share of a message that has its position (rule 3). Nothing can take it back.
    pub(in crate::keys) fn channel_share(
        &mut self,
        ordered: &Ordered,
        place: Place,
    ) -> Option<Bytes> {
        let world = ordered.world();
        let (key, concealed) = ordered.sessions.channels.concealed(place)?;
        let record = ordered.key(key)?;
        let version = record.active().filter(|own| own.number == place.version)?;
        let checked = concealed.checked((world.setup.group, version))?;
        let keys = sealing::keys(world.setup.group, version)?;
        let opener = Opener::new(keys, self.share(record)?).ok()?;
        Some(opener.decrypt_share(&checked, &mut self.rng).to_bytes())
    }
}
