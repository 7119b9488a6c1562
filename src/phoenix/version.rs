//! Which of the two wire formats a socket speaks (protocol §1.2).

/// The wire format of a socket, fixed when it connects (protocol §1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// `vsn` 1.0.x or absent: JSON objects, no binary frames from the server.
    V1,
    /// `vsn` 2.0.x: JSON arrays of five, and binary frames.
    V2,
}

/// The client asked for a version nobody speaks; the connect is refused with 403 (protocol §1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unsupported protocol version")]
pub struct UnsupportedVersion;

impl Version {
    /// Picks the version for the connect param `vsn`; an absent one means V1 (protocol §1.2).
    ///
    /// The value has to be a full semantic version: `~> 1.0.0` or `~> 2.0.0` in Elixir's words.
    pub fn negotiate(vsn: Option<&str>) -> Result<Version, UnsupportedVersion> {
        let Some(vsn) = vsn else {
            return Ok(Version::V1);
        };
        let asked = semver::Version::parse(vsn).map_err(|_| UnsupportedVersion)?;
        // `2.0.0-rc.1` counts as below 2.0.0, `2.0.1-rc.1` as above it.
        if asked.patch == 0 && !asked.pre.is_empty() {
            return Err(UnsupportedVersion);
        }
        match (asked.major, asked.minor) {
            (1, 0) => Ok(Version::V1),
            (2, 0) => Ok(Version::V2),
            _ => Err(UnsupportedVersion),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_vsn_means_version_one() {
        assert_eq!(Version::negotiate(None), Ok(Version::V1));
    }

    #[test]
    fn patch_releases_and_build_metadata_are_accepted() {
        for vsn in ["1.0.0", "1.0.7", "1.0.0+build.5", "1.0.1-rc.1"] {
            assert_eq!(Version::negotiate(Some(vsn)), Ok(Version::V1), "{vsn}");
        }
        for vsn in ["2.0.0", "2.0.9", "2.0.0+build", "2.0.1-rc.1"] {
            assert_eq!(Version::negotiate(Some(vsn)), Ok(Version::V2), "{vsn}");
        }
    }

    #[test]
    fn other_versions_and_anything_but_full_semver_are_refused() {
        let refused = [
            "1.1.0",
            "2.1.0",
            "2.1.0-rc.1",
            "3.0.0",
            "0.9.0",
            "2",
            "2.0",
            "abc",
            "2.0.0.0",
            "02.0.0",
            "",
            " 2.0.0",
            "2.0.0-rc.1",
            "1.0.0-rc.1",
            "v2.0.0",
        ];
        for vsn in refused {
            assert_eq!(Version::negotiate(Some(vsn)), Err(UnsupportedVersion), "{vsn}");
        }
    }
}
