//! The built pages and scripts: part of the binary, or files of a folder.
//!
//! Their names are those of their URLs. Beside a file lies what was compressed of it, with `.br` or `.gz` after its
//! name.

use std::{borrow::Cow, fs, io, path::PathBuf};

use actix_web::web::{self, Bytes};
use sha2::{Digest, Sha256};

use crate::config::ServerSettings;

/// What `make ui` built before the server was. Debug builds read the files instead.
#[derive(rust_embed::Embed)]
#[folder = "static/dist"]
#[allow_missing = true]
struct Built;

/// Where the files come from.
#[derive(Clone, Debug)]
pub enum Bundle {
    /// The binary.
    Binary,
    /// A folder, read anew each time.
    Folder(PathBuf),
}

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// Its bytes.
    pub bytes: Bytes,
    /// SHA-256 over them.
    pub digest: [u8; 32],
}

impl Bundle {
    /// The folder of `server.ui_dir`, else the binary.
    pub fn from_settings(settings: &ServerSettings) -> Self {
        settings.ui_dir.clone().map_or(Self::Binary, Self::Folder)
    }

    /// The file of this name: `static/app-4f9c2d7a.js`. What is no plain name, such as one that leads out of the
    /// folder, is no file's.
    ///
    /// # Errors
    /// When a folder's file is there and cannot be read.
    pub async fn get(&self, name: &str) -> io::Result<Option<File>> {
        if !is_plain(name) {
            return Ok(None);
        }
        match self {
            Self::Binary => Ok(Built::get(name).map(|file| File {
                digest: file.metadata.sha256_hash(),
                bytes: match file.data {
                    Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                    Cow::Owned(bytes) => bytes.into(),
                },
            })),
            Self::Folder(folder) => {
                let path = folder.join(name);
                let read = web::block(move || fs::read(path)).await.map_err(io::Error::other)?;
                match read {
                    Ok(bytes) => Ok(Some(File {
                        digest: Sha256::digest(&bytes).into(),
                        bytes: bytes.into(),
                    })),
                    Err(error) if is_absence(&error) => Ok(None),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Whether there is anything to show.
    pub fn has_pages(&self) -> bool {
        let name = "index.html";
        match self {
            Self::Binary => Built::get(name).is_some(),
            Self::Folder(folder) => folder.join(name).is_file(),
        }
    }
}

/// Folders are no files, and nothing lies below a file.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory
    )
}

/// Whether a name is made of letters, digits, `-`, `_` and `.` between its slashes, no part of it hidden.
fn is_plain(name: &str) -> bool {
    name.split('/').all(|part| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    })
}
