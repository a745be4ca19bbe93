use core::str;

use crate::hash::digest;
use crate::reader::Reader;
use crate::{GroupKey, ProofError};

/// The longest transcript: of a ceremony of 64 dealers and as many members.
pub const TRANSCRIPT_BYTES_MAX: usize = 16 * 1024;

const MAGIC: &[u8; 15] = b"maftia proof 1\n";
/// The kind of a ceremony's transcript.
const TRANSCRIPT: u8 = 2;
/// More sites than a group may have.
const SITES_MAX: u32 = 64;
/// What became of a dealer: below this, it was not convicted.
const CONVICTED: u8 = 0x40;

/// What dealers are convicted of, by number.
const OFFENCES: [&str; 9] = [
    "an acknowledgement is not the member's, or is of something else",
    "a member neither acknowledged nor has its share published, or too few acknowledged",
    "the polynomial has another degree",
    "the commitment is none to a polynomial",
    "no proof that the dealer knows the secret, for this ceremony",
    "a published share is not the one committed to",
    "not readable",
    "not a dealer of this ceremony",
    "the secret dealt is not the dealer's share of the key",
];

/// What the group says of the ceremony that made a sharing of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transcript<'a> {
    /// The digest of the configuration that the group began with.
    pub group: [u8; 32],
    /// In which the dealings were ordered.
    pub epoch: u64,
    /// The ceremony's number.
    pub ceremony: u64,
    /// What tells this run from every other.
    pub run: [u8; 32],
    /// The key's number.
    pub key: u32,
    /// What people call it.
    pub name: &'a str,
    /// What it is for: `ed25519`, `bls`, `seal` or `beacon`.
    pub scheme: &'static str,
    /// 0 for the first sharing, then one more each time.
    pub version: u32,
    /// The digest of the qualified dealings.
    pub dealings: [u8; 32],
    /// How many members use the key together.
    pub threshold: u8,
    dealers: &'a [u8],
    members: &'a [u8],
    commitments: &'a [u8],
    element_bytes: usize,
}

/// Who could deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dealer<'a> {
    /// The key with which the site signs.
    pub site: &'a [u8],
    /// What became of its dealing.
    pub outcome: Outcome<'a>,
}

/// What became of a dealing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// All sites have seen that it is wrong, and how.
    Convicted(&'static str),
    /// It was not among the first valid ones, or there was none.
    NotNeeded,
    /// It is part of the sharing; its digest.
    Qualified(&'a [u8]),
}

/// Who has a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// The key with which the site signs.
    pub site: &'a [u8],
    /// Whether its share is as good as public, because dealers had to publish their parts.
    pub exposed: bool,
}

/// Checks what a group has signed of a ceremony.
///
/// # Errors
/// [`ProofError`]: the group has not said this.
pub fn transcript<'a>(file: &'a [u8], key: &GroupKey) -> Result<Transcript<'a>, ProofError> {
    if file.len() > TRANSCRIPT_BYTES_MAX {
        return Err(ProofError::TooLong);
    }
    let mut reader = Reader::new(file);
    if reader.take(MAGIC.len()) != Ok(MAGIC) {
        return Err(ProofError::NotAProof);
    }
    if reader.take(1)? != [TRANSCRIPT] {
        return Err(ProofError::UnknownKind);
    }
    let rest = file.get(MAGIC.len() + 1..).unwrap_or_default();
    let (statement, signature) = rest.split_last_chunk::<48>().ok_or(ProofError::Short)?;
    let said = Transcript::read(statement)?;
    let signed = digest("transcript statement", &[statement]);
    let checked = key.transcript(&said.group, &signed, signature);
    checked.map_err(|_| ProofError::Certificate)?;
    Ok(said)
}

impl<'a> Transcript<'a> {
    /// Dealers, in the order of their places.
    pub fn dealers(&self) -> impl Iterator<Item = Dealer<'a>> {
        let mut reader = Reader::new(self.dealers);
        core::iter::from_fn(move || Dealer::read(&mut reader).ok())
    }

    /// Members, in the order of their places: the first one has index 1.
    pub fn members(&self) -> impl Iterator<Item = Member<'a>> {
        let mut reader = Reader::new(self.members);
        core::iter::from_fn(move || Member::read(&mut reader).ok())
    }

    /// The public polynomial, as the key's group encodes elements: as many as the threshold.
    pub fn commitments(&self) -> impl Iterator<Item = &'a [u8]> {
        self.commitments.chunks(self.element_bytes)
    }

    /// The public key: the constant term of the polynomial.
    #[must_use]
    pub fn public_key(&self) -> &'a [u8] {
        self.commitments().next().unwrap_or_default()
    }

    fn read(statement: &'a [u8]) -> Result<Self, ProofError> {
        let mut reader = Reader::new(statement);
        let group = reader.array()?;
        let (epoch, ceremony) = (reader.u64()?, reader.u64()?);
        let run = reader.array()?;
        let key = reader.u32()?;
        let name = str::from_utf8(reader.bytes()?).map_err(|_| ProofError::Statement)?;
        let (scheme, element_bytes) = match reader.array()? {
            [1] => ("ed25519", 32),
            [2] => ("bls", 96),
            [3] => ("seal", 32),
            [4] => ("beacon", 96),
            [5] => ("coin", 96),
            _ => return Err(ProofError::Statement),
        };
        let (version, dealings) = (reader.u32()?, reader.array()?);
        let (dealers, _) = list(&mut reader, |reader| Dealer::read(reader).map(|_| ()))?;
        let (members, count) = list(&mut reader, |reader| Member::read(reader).map(|_| ()))?;
        let mut sharing = Reader::new(reader.bytes()?);
        let [threshold, participants] = sharing.array()?;
        let commitments = sharing.take(usize::from(threshold) * element_bytes)?;
        let whole = sharing.is_empty() && reader.is_empty();
        let shared = threshold > 0 && threshold <= participants && u32::from(participants) == count;
        if !whole || !shared {
            return Err(ProofError::Statement);
        }
        Ok(Self {
            group,
            epoch,
            ceremony,
            run,
            key,
            name,
            scheme,
            version,
            dealings,
            threshold,
            dealers,
            members,
            commitments,
            element_bytes,
        })
    }
}

/// The bytes of as many items as a number says, each of which can be read, and that number.
fn list<'a>(
    reader: &mut Reader<'a>,
    item: impl Fn(&mut Reader<'a>) -> Result<(), ProofError>,
) -> Result<(&'a [u8], u32), ProofError> {
    let count = reader.u32()?;
    if count > SITES_MAX {
        return Err(ProofError::Statement);
    }
    let before = reader.rest();
    (0..count).try_for_each(|_| item(reader))?;
    let length = before.len().saturating_sub(reader.rest().len());
    Ok((before.get(..length).unwrap_or_default(), count))
}

impl<'a> Dealer<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ProofError> {
        let site = reader.take(32)?;
        let outcome = match reader.array()? {
            [0] => Outcome::NotNeeded,
            [1] => Outcome::Qualified(reader.take(32)?),
            [number] => {
                let place = number.checked_sub(CONVICTED + 1).map(usize::from);
                let offence = place.and_then(|place| OFFENCES.get(place));
                Outcome::Convicted(offence.ok_or(ProofError::Statement)?)
            }
        };
        Ok(Self { site, outcome })
    }
}

impl<'a> Member<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ProofError> {
        let site = reader.take(32)?;
        let exposed = match reader.array()? {
            [0] => false,
            [1] => true,
            _ => return Err(ProofError::Statement),
        };
        Ok(Self { site, exposed })
    }
}
