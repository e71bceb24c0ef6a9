//! Mistakes in a settings file.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use super::redact::redact;

/// A mistake in a settings file: where it is, and what.
///
/// ```text
/// gateway.toml, line 12, gateways.team.keys.grok: the environment variable XAI_KEY is not there …
/// ```
///
/// It never repeats a value that could be a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFileError {
    file: Option<PathBuf>,
    line: Option<usize>,
    key: Box<str>,
    kind: ConfigFileErrorKind,
    message: Box<str>,
}

/// What is wrong with a settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigFileErrorKind {
    /// The file cannot be read.
    Unreadable,
    /// It is no TOML.
    Syntax,
    /// There is no setting of this name.
    UnknownKey,
    /// A key or token stands in the file itself.
    PlainSecret,
    /// A value has another type, form or range than it must have.
    Value,
    /// A setting that is needed is not there.
    Missing,
    /// A key or token is not where the file says, or is none.
    Secret,
    /// A token that can be guessed.
    WeakToken,
    /// A provider is named that there is not.
    UnknownProvider,
    /// A stored key is named that there is not.
    UnknownAlias,
    /// Two things have one name.
    Duplicate,
    /// A dynamic route that cannot be used.
    Route,
    /// Settings that do not go together.
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

    /// The file, as it was named; `None` for settings that came as a text.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The line, counted from 1; `None` where the file cannot be read.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The setting, such as `gateways.team.keys.grok`; empty where it is about none.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong, in kind.
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
