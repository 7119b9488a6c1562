//! Values that may be left out: how the lack of one is written.

/// An address with a port, or an empty text.
pub(super) mod address {
    use std::net::SocketAddr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(value: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(address) => serializer.collect_str(address),
            None => serializer.serialize_str(""),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        let expected = "expected an address with a port, such as \"127.0.0.1:4001\", or \"\"";
        text.trim().parse().map(Some).map_err(|_| Error::custom(expected))
    }
}

/// A path, or an empty text.
pub(super) mod path {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(value: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(path) => path.serialize(serializer),
            None => serializer.serialize_str(""),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        let path = PathBuf::deserialize(deserializer)?;
        Ok((!path.as_os_str().is_empty()).then_some(path))
    }
}

/// A count, or `"auto"`.
pub(super) mod auto {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(value: &Option<usize>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(count) => count.serialize(serializer),
            None => serializer.serialize_str("auto"),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a whole number or \"auto\"")]
        enum Written {
            Number(usize),
            Text(String),
        }

        match Written::deserialize(deserializer)? {
            Written::Number(count) => Ok(Some(count)),
            Written::Text(text) if text.trim() == "auto" => Ok(None),
            Written::Text(text) => text
                .trim()
                .parse()
                .map(Some)
                .map_err(|_| Error::custom("expected a whole number or \"auto\"")),
        }
    }
}
