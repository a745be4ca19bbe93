use std::fmt;
use std::str::FromStr;

/// When a group lets a coin name its leaders, which no scheduler can then stop: what its file says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum CoinUse {
    /// Never: leaders are known beforehand. Fastest.
    #[default]
    Never,
    /// Where known leaders do not do, as the group agrees for each interval of rounds.
    Auto,
    /// Always.
    Always,
}

impl CoinUse {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Never, Self::Auto, Self::Always];

    /// As files and commands spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Auto => "auto",
            Self::Always => "always",
        }
    }

    /// Whether the group needs the key of a coin.
    #[must_use]
    pub const fn needs_key(self) -> bool {
        !matches!(self, Self::Never)
    }
}

impl fmt::Display for CoinUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that says not when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("say \"never\", \"auto\" or \"always\"")]
pub struct NoCoinUse;

impl FromStr for CoinUse {
    type Err = NoCoinUse;

    fn from_str(text: &str) -> Result<Self, NoCoinUse> {
        let mut all = Self::ALL.into_iter();
        all.find(|own| own.as_str() == text).ok_or(NoCoinUse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_is_written() {
        for own in CoinUse::ALL {
            assert_eq!(own.to_string().parse(), Ok(own));
            assert_eq!(own.needs_key(), own != CoinUse::Never);
        }
        assert_eq!("sometimes".parse::<CoinUse>(), Err(NoCoinUse));
    }
}
