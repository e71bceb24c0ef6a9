//! A file of certificates and keys.

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::place::{Located as _, Mistake, PLAIN_CERTIFICATE, Source, Text};

/// `{ file = "…" }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PemFile {
    pub(super) file: Text,
}

impl PemFile {
    pub(super) fn read(&self, source: &Source<'_>) -> Result<String, Mistake> {
        let file = &self.file;
        if file.get_ref().contains(char::is_control) || file.get_ref().contains("-----") {
            return Err(file.refuse(Kind::PlainSecret, PLAIN_CERTIFICATE));
        }
        let pem = crate::util::file::read(&source.path(file));
        pem.map_err(|_| self.refuse("does not exist or cannot be read"))
    }

    /// `what` is wrong with the file. Its path is not repeated: it may be the PEM itself.
    pub(super) fn refuse(&self, what: &str) -> Mistake {
        self.file.refuse(Kind::Secret, format_args!("the file that it names {what}"))
    }
}
