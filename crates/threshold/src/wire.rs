use maftia_codec::{DecodeError, Reader};

use crate::{Field as _, Group};

/// Reads an element of a group whose encodings have 32 bytes.
pub(crate) fn element<G: Group<Encoding = [u8; 32]>>(
    reader: &mut Reader,
    field: &'static str,
) -> Result<G::Element, DecodeError> {
    let bytes: [u8; 32] = reader.array()?;
    G::decode(&bytes).map_err(|_| DecodeError::Invalid { field })
}

/// Reads a scalar.
pub(crate) fn scalar<G: Group>(
    reader: &mut Reader,
    field: &'static str,
) -> Result<G::Scalar, DecodeError> {
    let bytes: [u8; 32] = reader.array()?;
    G::Scalar::from_bytes(&bytes).map_err(|_| DecodeError::Invalid { field })
}
