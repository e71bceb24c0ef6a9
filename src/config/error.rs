//! The error of a settings file.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use super::redact::redact;

/// An error in a settings file, with its location.
///
/// ```text
/// gateway.toml, line 12, gateways.team.keys.grok.env: the environment variable that it names is not …
/// ```
///
/// It never contains a value that could be a key, nor the names of the variables and files that hold
/// keys: a key may stand in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFileError {
    file: Option<PathBuf>,
    line: Option<usize>,
    key: Box<str>,
    kind: ConfigFileErrorKind,
    message: Box<str>,
}

/// The kinds of errors in a settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigFileErrorKind {
    /// The file cannot be read.
    Unreadable,
    /// It is not TOML.
    Syntax,
    /// The setting is unknown.
    UnknownKey,
    /// The file contains a key or token itself.
    PlainSecret,
    /// A value has the wrong type, form or range.
    Value,
    /// A required setting is missing.
    Missing,
    /// A key or token cannot be found at the given place, or is invalid.
    Secret,
    /// A token is easy to guess.
    WeakToken,
    /// A setting names an unknown provider.
    UnknownProvider,
    /// A setting names an unknown stored key.
    UnknownAlias,
    /// Two entries have the same name.
    Duplicate,
    /// A dynamic route is invalid.
    Route,
    /// Settings contradict each other.
    Conflict,
}

impl ConfigFileError {
    pub(super) fn new(
        line: usize,
        key: &str,
        kind: ConfigFileErrorKind,
        message: impl fmt::Display,
    ) -> Self {
        let message = message.to_string();
        let (key, message) = (redact(key).into(), redact(&message).into());
        Self { file: None, line: Some(line), key, kind, message }
    }

    pub(super) fn unreadable(error: &std::io::Error) -> Self {
        let message = format!("it cannot be read: {error}").into();
        let kind = ConfigFileErrorKind::Unreadable;
        Self { file: None, line: None, key: Box::default(), kind, message }
    }

    pub(super) fn in_file(mut self, file: &Path) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// The path of the file as given; `None` if the settings were parsed from a string.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The line, counted from 1; `None` if the file cannot be read.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The setting, such as `gateways.team.keys.grok`; empty if the error concerns none.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ConfigFileErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            separator = ", ";
        }
        if let Some(line) = self.line {
            write!(f, "{separator}line {line}")?;
            separator = ", ";
        }
        if !self.key.is_empty() {
            write!(f, "{separator}{}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Error for ConfigFileError {}
