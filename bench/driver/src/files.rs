//! Files, with errors that name them.

use std::{fs, path::Path};

use crate::error::BenchError;

/// What a file holds.
pub fn read(path: &Path) -> Result<String, BenchError> {
    fs::read_to_string(path).map_err(|source| BenchError::File {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file anew.
pub fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    fs::write(path, text).map_err(|source| BenchError::File {
        path: path.to_owned(),
        source,
    })
}

/// Copies a file.
pub fn copy(from: &Path, to: &Path) -> Result<(), BenchError> {
    fs::copy(from, to).map(|_| ()).map_err(|source| BenchError::File {
        path: from.to_owned(),
        source,
    })
}
