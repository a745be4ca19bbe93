use std::fmt;
use std::num::NonZeroU8;

use thiserror::Error;

use crate::Field;

/// A participant's place in a sharing: the point at which its share is the polynomial's value.
///
/// Never zero, because the value at zero is the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Index(NonZeroU8);

/// Zero: the secret's place, which no participant may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("participants of a sharing are numbered from 1")]
pub struct NotAnIndex;

impl Index {
    /// The participant of that number.
    ///
    /// # Errors
    /// Zero.
    pub const fn new(number: u8) -> Result<Self, NotAnIndex> {
        match NonZeroU8::new(number) {
            Some(number) => Ok(Self(number)),
            None => Err(NotAnIndex),
        }
    }

    /// The participants 1 to `count`.
    pub fn first(count: u8) -> impl ExactSizeIterator<Item = Self> + Clone {
        (0..count).map(|before| Self(NonZeroU8::MIN.saturating_add(before)))
    }

    /// 1 to 255.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0.get()
    }

    /// The number as a scalar: the point at which its share is the polynomial's value.
    #[must_use]
    pub fn point<F: Field>(self) -> F {
        F::from_u64(self.number().into())
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
