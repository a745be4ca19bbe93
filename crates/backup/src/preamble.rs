use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_membership::{Certificate, NAME_BYTES_MAX};
use maftia_replica::{Head, MANIFEST_MAX};
use maftia_types::Digest;
use maftia_verify::GroupKey;

/// How every backup of this format begins; the number is the format's.
pub(crate) const MAGIC: &[u8; 16] = b"maftia backup 1\n";
/// How those of other formats begin.
pub(crate) const MAGIC_ANY: &[u8] = b"maftia backup ";

/// The longest preamble: two MiB of digests, a longest group file, and the certificates of a change
/// a day in years.
pub const PREAMBLE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The longest group file, as `maftia-config` reads it.
const GROUP_BYTES_MAX: usize = 1024 * 1024;
const CERTIFICATES_MAX: usize = 1 << 16;

/// What a backup says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preamble {
    /// The file of the group that whoever made the backup was given: of the group's epoch then, or
    /// of an earlier one.
    pub group: String,
    /// The certificates that lead from the sites in it to those of the state's epoch.
    pub views: Vec<Certificate>,
    /// Whose state it is, and when it was so.
    pub head: Head,
    /// Who says so.
    pub provenance: Provenance,
    /// The digest of each chunk.
    pub digests: Vec<Digest>,
}

/// Who says that it was so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Provenance {
    /// The group, by a signature under its state.
    Signed {
        /// The group's key for that, as its state had it.
        key: [u8; GroupKey::BYTES],
        /// The signature.
        signature: [u8; 48],
    },
    /// One site, which was stopped.
    Site {
        /// Its name.
        name: String,
        /// The newest commit of which this state knows that the group has signed the state after
        /// it; 0 for none.
        signed: u64,
        /// Whether a newer snapshot of it is damaged, so that this state may be older than what the
        /// site had.
        older: bool,
    },
}

impl Wire for Preamble {
    fn encode(&self, w: &mut Writer) {
        w.bytes(self.group.as_bytes());
        w.list(&self.views);
        self.head.encode(w);
        match &self.provenance {
            Provenance::Signed { key, signature } => {
                w.u8(0);
                w.raw(key);
                w.raw(signature);
            }
            Provenance::Site {
                name,
                signed,
                older,
            } => {
                w.u8(1 + u8::from(*older));
                w.bytes(name.as_bytes());
                w.u64(*signed);
            }
        }
        w.length(self.digests.len());
        self.digests.iter().for_each(|digest| w.digest(digest));
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let group = text(r, "group file", GROUP_BYTES_MAX)?;
        let views = r.list("certificates", CERTIFICATES_MAX)?;
        let head = Head::decode(r)?;
        let provenance = match r.u8()? {
            0 => Provenance::Signed {
                key: r.array()?,
                signature: r.array()?,
            },
            kind @ (1 | 2) => Provenance::Site {
                name: text(r, "site", NAME_BYTES_MAX)?,
                signed: r.u64()?,
                older: kind == 2,
            },
            _ => {
                let field = "provenance";
                return Err(DecodeError::Invalid { field });
            }
        };
        let count = r.length("digests", MANIFEST_MAX)?;
        let digests = (0..count).map(|_| r.digest());
        Ok(Self {
            group,
            views,
            head,
            provenance,
            digests: digests.collect::<Result<_, _>>()?,
        })
    }
}

fn text(r: &mut Reader, field: &'static str, bytes_max: usize) -> Result<String, DecodeError> {
    let bytes = r.bytes(field, bytes_max)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| DecodeError::Invalid { field })
}
