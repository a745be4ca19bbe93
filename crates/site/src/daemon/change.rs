//! When the sites, or their ids, are not those they were.

use super::Daemon;

impl Daemon {
    /// The others, or their ids, are not those they were.
    pub(super) fn change_sites(&mut self) {
        let moved = self.sites.change(self.replica.universe());
        let (me, known) = (self.replica.me(), self.sites.len());
        let members = self
            .replica
            .view()
            .map_or(known, |view| view.members().len());
        // A new site at the end changes nobody's number.
        if moved.iter().any(|site| site.index() < members) {
            self.performer.renumber(me, self.replica.audience());
        } else {
            self.performer.resize(me, self.replica.audience());
        }
        moved.iter().for_each(|site| self.links.remove(site));
        self.network.replace_directory(self.sites.directory());
        let resilience = self.replica.engine().parameters().resilience;
        if let Some(intruder) = &mut self.intruder {
            intruder.renumber(me, resilience, self.replica.audience());
        }
        let view = self.replica.view();
        if let Some(view) = view {
            let me = self.sites.name(me);
            tracing::info!(epoch = %view.epoch(), sites = members, me, "who the sites are");
        }
    }
}
