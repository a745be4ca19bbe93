//! Encodings of parts that have no type of their own.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use maftia_codec::{DecodeError, Reader, Writer};
use maftia_types::{FaultModel, SITES_MAX};

use crate::member::{NAME_BYTES_MAX, is_name};

const NAME: &str = "site name";

pub(crate) fn name(w: &mut Writer, name: &str) {
    w.bytes(name.as_bytes());
}

pub(crate) fn read_name(r: &mut Reader) -> Result<String, DecodeError> {
    let bytes = r.bytes(NAME, NAME_BYTES_MAX)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| DecodeError::Invalid { field: NAME })?;
    if !is_name(text) {
        return Err(DecodeError::Invalid { field: NAME });
    }
    Ok(text.to_owned())
}

/// An address, or none, with everything that makes two addresses different.
pub(crate) fn address(w: &mut Writer, address: Option<SocketAddr>) {
    match address {
        None => w.u8(0),
        Some(SocketAddr::V4(v4)) => {
            w.u8(4);
            w.raw(&v4.ip().octets());
            w.u16(v4.port());
        }
        Some(SocketAddr::V6(v6)) => {
            w.u8(6);
            w.raw(&v6.ip().octets());
            w.u16(v6.port());
            w.u32(v6.flowinfo());
            w.u32(v6.scope_id());
        }
    }
}

pub(crate) fn read_address(r: &mut Reader) -> Result<Option<SocketAddr>, DecodeError> {
    Ok(match r.u8()? {
        0 => None,
        4 => {
            let ip = IpAddr::V4(Ipv4Addr::from(r.array::<4>()?));
            Some(SocketAddr::new(ip, r.u16()?))
        }
        6 => {
            let ip = Ipv6Addr::from(r.array::<16>()?);
            let v6 = SocketAddrV6::new(ip, r.u16()?, r.u32()?, r.u32()?);
            Some(SocketAddr::V6(v6))
        }
        _ => return Err(DecodeError::Invalid { field: "address" }),
    })
}

pub(crate) fn model(w: &mut Writer, model: FaultModel) {
    w.u8(match model {
        FaultModel::Arbitrary => 1,
        FaultModel::Hybrid => 2,
        FaultModel::Crash => 3,
    });
}

pub(crate) fn read_model(r: &mut Reader) -> Result<FaultModel, DecodeError> {
    Ok(match r.u8()? {
        1 => FaultModel::Arbitrary,
        2 => FaultModel::Hybrid,
        3 => FaultModel::Crash,
        _ => return Err(DecodeError::Invalid { field: "model" }),
    })
}

/// A number of sites, or of faults among them.
pub(crate) fn count(w: &mut Writer, count: usize) {
    w.u8(u8::try_from(count).expect("a group has at most 64 sites"));
}

pub(crate) fn read_count(r: &mut Reader) -> Result<usize, DecodeError> {
    read_small_count(r).map(usize::from)
}

pub(crate) fn read_small_count(r: &mut Reader) -> Result<u8, DecodeError> {
    let count = r.u8()?;
    if usize::from(count) > SITES_MAX {
        return Err(DecodeError::Invalid { field: "count" });
    }
    Ok(count)
}
