use crate::{
    Equivocate, ForgeReplies, Impersonate, LieAboutState, Manners, Rude, Silence, Strategy,
    Withhold,
};

/// The strategies by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attack {
    /// Two validly signed histories, each shown to one half of the peers.
    Equivocate,
    /// Wrong results and positions for clients.
    ForgeReplies,
    /// Blocks in the names of others, and payloads that no header names.
    Impersonate,
    /// Wrong words about rounds, checkpoints, chunks and recoveries.
    LieAboutState,
    /// Old messages instead of new ones.
    Replay,
    /// Anything of all this, per message and recipient, and more.
    Rude,
    /// Nothing at all.
    Silence,
    /// Headers without their payloads.
    Withhold,
}

impl Attack {
    /// All of them, by name.
    pub const ALL: [Self; 8] = [
        Self::Equivocate,
        Self::ForgeReplies,
        Self::Impersonate,
        Self::LieAboutState,
        Self::Replay,
        Self::Rude,
        Self::Silence,
        Self::Withhold,
    ];

    /// The name on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equivocate => "equivocate",
            Self::ForgeReplies => "forge-replies",
            Self::Impersonate => "impersonate",
            Self::LieAboutState => "lie-about-state",
            Self::Replay => "replay",
            Self::Rude => "rude",
            Self::Silence => "silence",
            Self::Withhold => "withhold",
        }
    }

    /// The attack of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attack| attack.name() == name)
    }

    /// The strategy. Sites that collude are given the same seed.
    pub fn strategy(self, seed: u64) -> Box<dyn Strategy> {
        match self {
            Self::Equivocate => Box::new(Equivocate::new(seed)),
            Self::ForgeReplies => Box::new(ForgeReplies::new(seed)),
            Self::Impersonate => Box::new(Impersonate::new(seed)),
            Self::LieAboutState => Box::new(LieAboutState::new(seed)),
            Self::Replay => Box::new(Rude::new(seed, Manners::REPLAY)),
            Self::Rude => Box::new(Rude::new(seed, Manners::random(seed))),
            Self::Silence => Box::new(Silence),
            Self::Withhold => Box::new(Withhold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_is_found_by_its_name() {
        for attack in Attack::ALL {
            assert_eq!(Attack::parse(attack.name()), Some(attack));
        }
        assert_eq!(Attack::parse("kindness"), None);
    }
}
