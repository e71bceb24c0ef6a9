//! A log in a temporary directory.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tower_ai_gateway::log::{LogFile, LogHook, LogRecord};

/// A directory that is removed after the test.
pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path().join("gateway.jsonl")
    }

    /// The file of the log, opened.
    pub(crate) fn file(&self) -> LogFile {
        LogFile::open(self.log()).unwrap()
    }

    /// A hook that writes only to that file.
    pub(crate) fn hook(&self) -> LogHook {
        LogHook::builder(self.file()).build().unwrap()
    }

    /// All files in the order of their names, the current one last.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            fs::read_dir(self.path()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort_by_key(|path| (*path == self.log(), path.clone()));
        files
    }
}

/// The lines of a file, which must be JSON.
pub(crate) fn lines(path: impl AsRef<Path>) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole: {text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The id in each line of a file.
pub(crate) fn ids_in(path: impl AsRef<Path>) -> Vec<String> {
    let id = |line: &Value| line["id"].as_str().unwrap().to_owned();
    lines(path).iter().map(id).collect()
}

/// Writes a record directly, without a gateway.
pub(crate) fn record(id: &str, created_at: &str) -> LogRecord {
    let mut record = LogRecord::default();
    record.id = id.to_owned();
    record.created_at = created_at.parse().unwrap();
    record
}
