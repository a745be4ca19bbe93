use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, PublicKey};
use maftia_types::{Digest, SiteId};

use super::{Exhibit, NoProof};

/// The longest file: two largest headers, names and digests, in base64 with line ends.
pub const EXPORT_BYTES_MAX: usize = 32 * 1024;

const BEGIN: &str = "-----BEGIN MAFTIA EVIDENCE-----\n";
const END: &str = "-----END MAFTIA EVIDENCE-----\n";
const LINE_CHARS: usize = 64;
/// Raised when the content changes its form.
const VERSION: u8 = 1;
/// The longest name of a group or site.
const NAME_BYTES_MAX: usize = 64;
const SUM: Domain = Domain::new("evidence file");

/// A proof on its own, for whoever has never heard of the group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// What the group is called. Not proven.
    pub group: String,
    /// What the culprit is called. Not proven; its key is what counts.
    pub culprit: String,
    /// What the reporter is called. Not proven.
    pub reporter: String,
    /// The proof, with the culprit's key and how it was reported.
    pub exhibit: Exhibit,
}

/// Why a file is no evidence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It does not begin and end as such a file does.
    #[error("this is no file of evidence: it does not begin and end as one")]
    NoArmour,
    /// Somebody has altered it, or it came damaged.
    #[error("the file was altered or damaged: its checksum does not fit its content")]
    Altered,
    /// A later program wrote it, or what it contains is none of this program's proofs.
    #[error("the content is of another form: it may have been written by a later version")]
    Unreadable(#[from] DecodeError),
    /// It names another key than the one to be checked against.
    #[error("the file is about the holder of another key")]
    OtherKey,
    /// The statements do not bear the key's signature.
    #[error("the proof does not hold under this key")]
    NotProven(#[from] NoProof),
}

impl Export {
    /// The file: base64 between two lines, with a checksum inside. There is one form only, so that
    /// no byte can be altered unseen.
    pub fn to_text(&self) -> String {
        let mut writer = Writer::new();
        self.encode(&mut writer);
        let sum = SUM.digest(writer.as_slice());
        writer.digest(&sum);
        let encoded = STANDARD.encode(writer.as_slice());
        let mut text = String::from(BEGIN);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(LINE_CHARS.min(rest.len()));
            text += line;
            text.push('\n');
            rest = after;
        }
        text + END
    }

    /// Reads a file; [`Self::verify`] tells whether it proves anything.
    ///
    /// # Errors
    /// [`ExportError::NoArmour`], [`ExportError::Altered`], [`ExportError::Unreadable`].
    pub fn from_text(text: &str) -> Result<Self, ExportError> {
        let body = text.strip_prefix(BEGIN).and_then(|it| it.strip_suffix(END));
        let body = body.ok_or(ExportError::NoArmour)?;
        let encoded: String = body.split('\n').collect();
        let bytes = STANDARD.decode(encoded);
        let bytes = bytes.map_err(|_| ExportError::Altered)?;
        let Some((content, sum)) = bytes.split_last_chunk::<32>() else {
            return Err(ExportError::Altered);
        };
        if SUM.digest(content) != Digest(*sum) {
            return Err(ExportError::Altered);
        }
        let export = Self::from_bytes(content.to_vec().into())?;
        // Lines of another length, say.
        if export.to_text() != text {
            return Err(ExportError::Altered);
        }
        Ok(export)
    }

    /// Whether the holder of `key` is convicted.
    ///
    /// # Errors
    /// [`ExportError::OtherKey`], [`ExportError::NotProven`].
    pub fn verify(&self, key: &PublicKey) -> Result<SiteId, ExportError> {
        if self.exhibit.key != *key.as_bytes() {
            return Err(ExportError::OtherKey);
        }
        Ok(self.exhibit.proof.verify(key)?)
    }
}

impl Wire for Export {
    fn encode(&self, writer: &mut Writer) {
        writer.u8(VERSION);
        for name in [&self.group, &self.culprit, &self.reporter] {
            writer.bytes(name.as_bytes());
        }
        self.exhibit.encode(writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        if reader.u8()? != VERSION {
            return Err(DecodeError::Invalid { field: "version" });
        }
        let mut name = |field| {
            let bytes = reader.bytes(field, NAME_BYTES_MAX)?;
            let text = String::from_utf8(bytes.into());
            text.map_err(|_| DecodeError::Invalid { field })
        };
        Ok(Self {
            group: name("group")?,
            culprit: name("culprit")?,
            reporter: name("reporter")?,
            exhibit: Exhibit::decode(reader)?,
        })
    }
}
