//! Keys from a file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::super::error::JwksError;
use super::super::key_set::KeySet;
use super::http::MOST;
use super::{Fetch, Fetched};

pub(super) fn read(path: &Path) -> Result<KeySet, JwksError> {
    let text = crate::util::file::read(path).map_err(|error| JwksError::File(Arc::new(error)))?;
    if text.len() > MOST {
        return Err(JwksError::TooLarge);
    }
    KeySet::parse(text.as_bytes())
}

pub(super) fn fetch(path: PathBuf) -> Fetch {
    Box::pin(async {
        let read = spawn_blocking(move || read(&path)).await;
        let set = read.map_err(|error| JwksError::File(Arc::new(io::Error::other(error))))??;
        Ok(Fetched { set, fresh_for: None })
    })
}
