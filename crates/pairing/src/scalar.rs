use core::fmt;
use core::ops::{Add, Mul, Neg, Sub};

use blst::{blst_fr, blst_scalar};
use zeroize::Zeroize;

/// An integer modulo the order of the groups.
///
/// It is `Copy`, compares in constant time, and does not print. It is not wiped on drop by itself:
/// what is secret is kept in one place and wiped there with [`Zeroize`].
#[derive(Clone, Copy, Default)]
pub struct Scalar(blst_fr);

/// Bytes of a value that is not below the order of the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAScalar;

impl fmt::Display for NotAScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not below the order of the groups")
    }
}

impl core::error::Error for NotAScalar {}

impl Scalar {
    /// Bytes of an encoded scalar.
    pub const BYTES: usize = 32;

    /// How many bits [`Scalar::to_le_bytes`] can have set.
    pub(crate) const BITS: usize = 255;

    /// Neutral for addition.
    pub const ZERO: Self = Self(blst_fr { l: [0; 4] });

    /// Neutral for multiplication: 2²⁵⁶ modulo the order, which is 1 in Montgomery's form.
    pub const ONE: Self = Self(blst_fr {
        l: [
            0x0000_0001_ffff_fffe,
            0x5884_b7fa_0003_4802,
            0x998c_4fef_ecbc_4ff5,
            0x1824_b159_acc5_056f,
        ],
    });

    /// The scalar of a canonical little-endian encoding.
    ///
    /// # Errors
    /// A value not below the order.
    pub fn from_le_bytes(bytes: &[u8; 32]) -> Result<Self, NotAScalar> {
        let mut raw = blst_scalar::default();
        // SAFETY: reads 32 bytes and writes one scalar, each through a reference to as much.
        unsafe { blst::blst_scalar_from_lendian(&raw mut raw, bytes.as_ptr()) };
        // SAFETY: reads one scalar through a reference.
        if !unsafe { blst::blst_scalar_fr_check(&raw const raw) } {
            return Err(NotAScalar);
        }
        Ok(Self::from_reduced(&raw))
    }

    /// The scalar of a canonical big-endian encoding.
    ///
    /// # Errors
    /// A value not below the order.
    pub fn from_be_bytes(bytes: &[u8; 32]) -> Result<Self, NotAScalar> {
        let mut reversed = zeroize::Zeroizing::new(*bytes);
        reversed.reverse();
        Self::from_le_bytes(&reversed)
    }

    /// A little-endian integer of 512 bits modulo the order: uniform bytes give a scalar whose bias
    /// is below 2⁻²⁵⁰.
    #[must_use]
    pub fn from_uniform_le_bytes(bytes: &[u8; 64]) -> Self {
        let mut raw = blst_scalar::default();
        // SAFETY: reads as many bytes as the slice has and writes one scalar. The result says
        // whether the scalar is not zero, which is no error here.
        unsafe { blst::blst_scalar_from_le_bytes(&raw mut raw, bytes.as_ptr(), bytes.len()) };
        Self::from_reduced(&raw)
    }

    /// The canonical little-endian encoding.
    #[must_use]
    pub fn to_le_bytes(&self) -> [u8; 32] {
        let mut raw = blst_scalar::default();
        // SAFETY: reads one field element and writes one scalar, through references.
        unsafe { blst::blst_scalar_from_fr(&raw mut raw, &raw const self.0) };
        let mut bytes = [0; 32];
        // SAFETY: reads one scalar and writes 32 bytes, each through a reference to as much.
        unsafe { blst::blst_lendian_from_scalar(bytes.as_mut_ptr(), &raw const raw) };
        bytes
    }

    /// The canonical big-endian encoding.
    #[must_use]
    pub fn to_be_bytes(&self) -> [u8; 32] {
        let mut bytes = self.to_le_bytes();
        bytes.reverse();
        bytes
    }

    /// The multiplicative inverse, in constant time; none for zero.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        let mut inverse = blst_fr::default();
        // SAFETY: reads one field element and writes another, through references.
        unsafe { blst::blst_fr_inverse(&raw mut inverse, &raw const self.0) };
        (*self != Self::ZERO).then_some(Self(inverse))
    }

    fn from_reduced(raw: &blst_scalar) -> Self {
        let mut scalar = blst_fr::default();
        // SAFETY: reads one scalar and writes one field element, through references. The function
        // wants a value below the order; both callers have made sure.
        unsafe { blst::blst_fr_from_scalar(&raw mut scalar, &raw const *raw) };
        Self(scalar)
    }
}

impl From<u64> for Scalar {
    fn from(value: u64) -> Self {
        let mut scalar = blst_fr::default();
        let limbs = [value, 0, 0, 0];
        // SAFETY: reads four limbs and writes one field element, each through a reference to as much.
        unsafe { blst::blst_fr_from_uint64(&raw mut scalar, limbs.as_ptr()) };
        Self(scalar)
    }
}

/// One of `blst`'s functions that takes two field elements and writes a third.
macro_rules! operator {
    ($trait:ident, $method:ident, $function:ident) => {
        impl $trait for Scalar {
            type Output = Self;

            fn $method(self, other: Self) -> Self {
                let mut result = blst_fr::default();
                // SAFETY: reads two field elements and writes a third, through references.
                unsafe {
                    blst::$function(&raw mut result, &raw const self.0, &raw const other.0);
                }
                Self(result)
            }
        }
    };
}

operator!(Add, add, blst_fr_add);
operator!(Sub, sub, blst_fr_sub);
operator!(Mul, mul, blst_fr_mul);

impl Neg for Scalar {
    type Output = Self;

    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        // Elements are kept reduced, so equal ones have equal limbs. No early exit: it would tell
        // how much of a secret somebody has guessed.
        let pairs = self.0.l.iter().zip(&other.0.l);
        pairs.fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    }
}

impl Eq for Scalar {}

impl Zeroize for Scalar {
    fn zeroize(&mut self) {
        self.0.l.zeroize();
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scalar(..)")
    }
}
