//! How values are spelt in the files.

pub(crate) mod key {
    use maftia_crypto::PublicKey;
    use maftia_types::Digest;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(key: &PublicKey, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(key)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PublicKey, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = Digest::from_hex(&text)
            .ok_or_else(|| D::Error::custom("a public key is 64 hexadecimal digits"))?;
        PublicKey::new(bytes.0).map_err(D::Error::custom)
    }
}

pub(crate) mod model {
    use maftia_types::FaultModel;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(model: &FaultModel, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(model)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<FaultModel, D::Error> {
        let text = String::deserialize(from)?;
        [FaultModel::Arbitrary, FaultModel::Hybrid, FaultModel::Crash]
            .into_iter()
            .find(|model| model.to_string() == text)
            .ok_or_else(|| D::Error::custom("the model is \"arbitrary\", \"hybrid\" or \"crash\""))
    }
}

pub(crate) mod coin_use {
    use maftia_types::CoinUse;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    pub(crate) fn serialize<S: Serializer>(own: &CoinUse, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(own.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<CoinUse, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

pub(crate) mod digest {
    use maftia_types::Digest;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(
        digest: &Option<Digest>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => to.collect_str(digest),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Digest>, D::Error> {
        let text = String::deserialize(from)?;
        let digest = Digest::from_hex(&text);
        let wrong = || D::Error::custom("a group's id is 64 hexadecimal digits");
        digest.ok_or_else(wrong).map(Some)
    }
}

pub(crate) mod whole_digest {
    use maftia_types::Digest;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(digest)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(from)?;
        Digest::from_hex(&text).ok_or_else(|| D::Error::custom("a digest is 64 hexadecimal digits"))
    }
}

pub(crate) mod powers {
    use maftia_types::{Power, Powers};
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(powers: &Powers, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(powers.iter().map(Power::as_str))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Powers, D::Error> {
        let words = Vec::<String>::deserialize(from)?;
        let powers = words.iter().map(|word| word.parse::<Power>());
        powers.collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}
