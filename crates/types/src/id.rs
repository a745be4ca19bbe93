use std::fmt;

use crate::SITES_MAX;

/// A site of the current view: its index in the membership list. Displayed as a letter (`A`, `B`,
/// …) while letters last, as operators see it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(u8);

impl SiteId {
    /// The site with this index, or `None` at or above [`SITES_MAX`].
    pub const fn new(index: u8) -> Option<Self> {
        if (index as usize) < SITES_MAX {
            Some(Self(index))
        } else {
            None
        }
    }

    /// All sites of a group of `n`, in order.
    pub fn all(n: usize) -> impl DoubleEndedIterator<Item = Self> + Clone {
        (0..u8::try_from(n.min(SITES_MAX)).unwrap_or(u8::MAX)).map(Self)
    }

    /// The index in the membership list.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The index as it is encoded.
    pub const fn as_u8(self) -> u8 {
        self.0
    }

    /// Reads what `Display` prints.
    pub fn parse(name: &str) -> Option<Self> {
        match name.as_bytes() {
            [letter @ b'A'..=b'Z'] => Self::new(letter - b'A'),
            [letter @ b'a'..=b'z'] => Self::new(letter - b'a'),
            [b'S' | b's', rest @ ..] => std::str::from_utf8(rest)
                .ok()?
                .parse()
                .ok()
                .and_then(Self::new),
            _ => None,
        }
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            letter @ 0..26 => write!(f, "{}", char::from(b'A' + letter)),
            index => write!(f, "S{index}"),
        }
    }
}

impl fmt::Debug for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// The next value.
            ///
            /// # Panics
            /// At `u64::MAX`, which no run reaches.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }

            /// `self + by`, stopping at the largest value.
            #[must_use]
            pub const fn plus(self, by: u64) -> Self {
                Self(self.0.saturating_add(by))
            }

            /// `self - by`, stopping at zero.
            #[must_use]
            pub const fn minus(self, by: u64) -> Self {
                Self(self.0.saturating_sub(by))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

counter! {
    /// A round of the block DAG. Round 0 holds the implicit genesis blocks.
    Round
}
counter! {
    /// A membership epoch. Epoch 0 is the one the group is created with.
    Epoch
}
counter! {
    /// A client's request number, from 1 upwards without gaps within one incarnation.
    Sequence
}
counter! {
    /// A client's incarnation: larger after any restart; a larger one closes the smaller.
    Incarnation
}

/// A client session: which of the configured client keys, and which of its parallel sessions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    /// Index of the client's key in the group's configuration.
    pub key: u32,
    /// The session among those of the key. Each orders its own requests.
    pub session: u32,
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.session)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for site in SiteId::all(SITES_MAX) {
            assert_eq!(SiteId::parse(&site.to_string()), Some(site), "{site}");
        }
        assert_eq!(SiteId::parse("c"), SiteId::new(2));
        assert_eq!(SiteId::parse("AB"), None);
        assert_eq!(SiteId::new(64), None);
    }
}
