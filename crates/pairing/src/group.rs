use alloc::vec::Vec;
use core::fmt;
use core::ops::{Add, Mul, Neg, Sub};

use blst::BLST_ERROR;

use crate::Scalar;

/// Why bytes are not an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not the compressed form: wrong flags, or a coordinate not below the field's prime.
    Encoding,
    /// The point at infinity: no key and no signature.
    Identity,
    /// Another number of bytes than the group's elements have.
    Length,
    /// On the curve, but outside the subgroup of prime order.
    NotInGroup,
    /// No point with that coordinate.
    NotOnCurve,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoding => "not the compressed form of a point",
            Self::Identity => "the identity",
            Self::Length => "wrong length",
            Self::NotInGroup => "not in the subgroup of prime order",
            Self::NotOnCurve => "not on the curve",
        })
    }
}

impl core::error::Error for DecodeError {}

/// One of the two groups, over `blst`'s functions for it.
macro_rules! group {
    (
        $(#[$docs:meta])*
        $name:ident, $bytes:literal, $point:ident, $affine:ident, $affines:ident,
        $generator:ident, $add:ident, $negate:ident, $multiply:ident, $is_identity:ident,
        $to_affine:ident, $from_affine:ident, $in_group:ident,
        $compress:ident, $uncompress:ident, $hash:ident
    ) => {
        $(#[$docs])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name(blst::$point);

        impl $name {
            /// Bytes of the compressed form.
            pub const BYTES: usize = $bytes;

            /// The neutral element.
            #[must_use]
            pub fn identity() -> Self {
                // All zero: a point in projective coordinates whose z is 0.
                Self(blst::$point::default())
            }

            /// The standard generator.
            #[must_use]
            pub fn generator() -> Self {
                // SAFETY: the function has no argument.
                let generator = unsafe { blst::$generator() };
                // SAFETY: it points to a constant of the library.
                Self(unsafe { *generator })
            }

            /// RFC 9380's hash to the group, `…_XMD:SHA-256_SSWU_RO_`, under that domain separation
            /// tag. Nobody knows the result's logarithm.
            #[must_use]
            pub fn hash(message: &[u8], tag: &[u8]) -> Self {
                let mut point = blst::$point::default();
                // SAFETY: reads the three slices, each with its length, and writes one point.
                // The last is empty: its pointer is not null, and not read.
                unsafe {
                    blst::$hash(
                        &raw mut point,
                        message.as_ptr(),
                        message.len(),
                        tag.as_ptr(),
                        tag.len(),
                        [].as_ptr(),
                        0,
                    );
                }
                Self(point)
            }

            /// Decodes the compressed form.
            ///
            /// # Errors
            /// Each check of [`DecodeError`].
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
                let bytes: &[u8; $bytes] = bytes.try_into().map_err(|_| DecodeError::Length)?;
                let mut affine = blst::$affine::default();
                // SAFETY: reads the bytes of a compressed point and writes one point; both are
                // references to as much.
                match unsafe { blst::$uncompress(&raw mut affine, bytes.as_ptr()) } {
                    BLST_ERROR::BLST_SUCCESS => {}
                    BLST_ERROR::BLST_POINT_NOT_ON_CURVE => return Err(DecodeError::NotOnCurve),
                    _ => return Err(DecodeError::Encoding),
                }
                // SAFETY: reads one point through a reference.
                if !unsafe { blst::$in_group(&raw const affine) } {
                    return Err(DecodeError::NotInGroup);
                }
                let mut point = blst::$point::default();
                // SAFETY: reads one point and writes another, through references.
                unsafe { blst::$from_affine(&raw mut point, &raw const affine) };
                let element = Self(point);
                if element.is_identity() {
                    return Err(DecodeError::Identity);
                }
                Ok(element)
            }

            /// The compressed form. The identity has one too, although it does not decode.
            #[must_use]
            pub fn to_bytes(&self) -> [u8; $bytes] {
                let mut bytes = [0; $bytes];
                // SAFETY: reads one point and writes the bytes of a compressed point; both are
                // references to as much.
                unsafe { blst::$compress(bytes.as_mut_ptr(), &raw const self.0) };
                bytes
            }

            /// Whether this is the neutral element.
            #[must_use]
            pub fn is_identity(&self) -> bool {
                // SAFETY: reads one point through a reference.
                unsafe { blst::$is_identity(&raw const self.0) }
            }

            /// Σ scalarᵢ · elementᵢ for **public** scalars: the time depends on them. Cheaper than
            /// one multiplication each.
            #[must_use]
            pub fn sum_of_products(terms: &[(Scalar, Self)]) -> Self {
                // The bulk method adds affine points, which have no identity.
                let terms = terms.iter().filter(|(_, element)| !element.is_identity());
                let (scalars, points): (Vec<_>, Vec<_>) = terms
                    .map(|(scalar, element)| (scalar.to_le_bytes(), element.0))
                    .unzip();
                // Half the work if all scalars are half as long.
                let length = |scalar: &[u8; 32]| scalar.iter().rposition(|byte| *byte != 0);
                let Some(last) = scalars.iter().filter_map(length).max() else {
                    return Self::identity();
                };
                let scalars: Vec<u8> = scalars
                    .iter()
                    .flat_map(|scalar| scalar.iter().copied().take(last + 1))
                    .collect();
                let bits = Scalar::BITS.min((last + 1) * 8);
                Self(blst::$affines::from(&points).mult(&scalars, bits))
            }

            pub(crate) fn to_affine(self) -> blst::$affine {
                let mut affine = blst::$affine::default();
                // SAFETY: reads one point and writes another, through references.
                unsafe { blst::$to_affine(&raw mut affine, &raw const self.0) };
                affine
            }
        }

        impl Add for $name {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                let mut sum = blst::$point::default();
                // SAFETY: reads two points and writes a third, through references.
                unsafe { blst::$add(&raw mut sum, &raw const self.0, &raw const other.0) };
                Self(sum)
            }
        }

        impl Sub for $name {
            type Output = Self;

            fn sub(self, other: Self) -> Self {
                self + -other
            }
        }

        impl Neg for $name {
            type Output = Self;

            fn neg(mut self) -> Self {
                // SAFETY: changes one point in place, through a reference.
                unsafe { blst::$negate(&raw mut self.0, true) };
                self
            }
        }

        impl Mul<Scalar> for $name {
            type Output = Self;

            fn mul(self, scalar: Scalar) -> Self {
                let scalar = zeroize::Zeroizing::new(scalar.to_le_bytes());
                let mut product = blst::$point::default();
                // SAFETY: reads one point and as many bytes as hold the bits, 32, and writes a
                // point, all through references to as much. It wants a point of the subgroup, as
                // every element is.
                unsafe {
                    blst::$multiply(
                        &raw mut product,
                        &raw const self.0,
                        scalar.as_ptr(),
                        Scalar::BITS,
                    );
                }
                Self(product)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                for byte in self.to_bytes() {
                    write!(f, "{byte:02x}")?;
                }
                f.write_str(")")
            }
        }
    };
}

group! {
    /// An element of the first group: small (48 bytes) and fast. Signatures.
    G1, 48, blst_p1, blst_p1_affine, p1_affines,
    blst_p1_generator, blst_p1_add_or_double, blst_p1_cneg, blst_p1_mult, blst_p1_is_inf,
    blst_p1_to_affine, blst_p1_from_affine, blst_p1_affine_in_g1,
    blst_p1_compress, blst_p1_uncompress, blst_hash_to_g1
}

group! {
    /// An element of the second group (96 bytes): public keys.
    G2, 96, blst_p2, blst_p2_affine, p2_affines,
    blst_p2_generator, blst_p2_add_or_double, blst_p2_cneg, blst_p2_mult, blst_p2_is_inf,
    blst_p2_to_affine, blst_p2_from_affine, blst_p2_affine_in_g2,
    blst_p2_compress, blst_p2_uncompress, blst_hash_to_g2
}
