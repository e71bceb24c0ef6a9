//! A file of JSON lines.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::lines::Lines;
use super::regular::{self, Identity};
use super::reminder::Reminder;
use super::{LogRecord, LogSink, SinkError, rotate};
use crate::TARGET;
use crate::util::macros::setters;

/// Writes each record as a line of JSON to a file, and rotates the file.
///
/// A file that exceeds 100 MiB is renamed to a name with the time (`gateway.jsonl` becomes
/// `gateway-20260131T235959.999Z.jsonl`), and a new file is started. Ten rotated files are kept.
/// Their names sort by time. No record is split between files.
///
/// A new file is readable by its owner only (mode 600). A file that another program moves or
/// deletes is created again. After an error the file is reopened for the next records, and a file
/// that may not grow any more (`ulimit -f`) is rotated, if the process ignores `SIGXFSZ`; otherwise
/// that signal ends the process. Pipes, devices and directories are refused without blocking. Two
/// hooks must not share a file.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("gateway.jsonl");
/// use tower_ai_gateway::log::{LogFile, LogHook};
///
/// let file = LogFile::open(path)?.max_size(64 << 20).daily(true).keep(30);
/// let log = LogHook::builder(file).build()?;
/// # drop(log);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    max_size: u64,
    daily: bool,
    keep: usize,
    current: Option<Current>,
    /// Why a file that is closed now could not be synchronised, for the next flush.
    unsynced: Option<io::Error>,
    lines: Lines,
    /// Warnings about files that cannot be renamed, and about those that cannot be deleted.
    warnings: [Reminder; 2],
}

/// The open file.
#[derive(Debug)]
struct Current {
    file: File,
    /// Shows whether the path still leads to this file.
    identity: Identity,
    size: u64,
    /// The day of its last record, if each day has a file.
    day: Option<Date>,
}

impl LogFile {
    /// Appends to the file at `path`, or creates it.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened for writing, or is not a regular file.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let mut file = Self {
            path: path.into(),
            max_size: 100 << 20,
            daily: false,
            keep: 10,
            current: None,
            unsynced: None,
            lines: Lines::default(),
            warnings: Default::default(),
        };
        file.current = Some(file.reopen()?);
        Ok(file)
    }
}

setters! { impl LogFile {
    /// The maximum size of the file in bytes. Default: 100 MiB. A longer record gets its own file.
    pub fn max_size(self, bytes: u64) => self.max_size = bytes;

    /// Whether each day (UTC) has its own file. Default: `false`.
    pub fn daily(self, daily: bool) => self.daily = daily;

    /// The number of rotated files to keep; older ones are deleted. Default: 10.
    pub fn keep(self, files: usize) => self.keep = files;
}}

impl LogFile {
    fn append(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        self.lines.begin();
        let mut current = match self.current.take() {
            Some(current) if current.identity.is_at(&self.path) => current,
            Some(moved) => {
                self.close(&moved);
                self.reopen()?
            }
            None => self.reopen()?,
        };
        match self.append_to(&mut current, batch) {
            Ok(()) => {
                self.current = Some(current);
                Ok(())
            }
            Err(error) => {
                self.close(&current);
                Err(error)
            }
        }
    }

    fn append_to(&mut self, current: &mut Current, batch: &[LogRecord]) -> Result<(), SinkError> {
        let mut may_rotate = true;
        for record in batch {
            let day = self.daily.then(|| record.created_at.to_zoned(TimeZone::UTC).date());
            let begin = self.lines.len();
            self.lines.add(record)?;
            if may_rotate && self.is_due(current, begin, day) {
                self.send(current, begin)?;
                may_rotate = self.rotate(current);
                *current = self.reopen().map_err(|error| self.lines.failed(error))?;
            }
            // Exchanges do not end in the order in which they began.
            current.day = current.day.max(day);
            if self.lines.is_full() {
                self.send(current, self.lines.len())?;
            }
        }
        self.send(current, self.lines.len())
    }

    /// Synchronises a file that gets no more records.
    fn close(&mut self, current: &Current) {
        if let Err(error) = current.file.sync_data() {
            self.unsynced.get_or_insert(error);
        }
    }

    /// Writes the lines in the first `length` bytes of the buffer.
    fn send(&mut self, current: &mut Current, length: usize) -> Result<(), SinkError> {
        current.size += length as u64;
        self.lines.send_first(&mut current.file, length)
    }

    /// Returns true if the line that starts at `begin` in the buffer, of a record of this day,
    /// belongs in the next file.
    fn is_due(&self, current: &Current, begin: usize, day: Option<Date>) -> bool {
        let size = current.size.saturating_add(begin as u64);
        let is_new_day = self.daily && current.day.is_some() && current.day < day;
        let is_full = current.size.saturating_add(self.lines.len() as u64) > self.max_size;
        size > 0 && (is_full || is_new_day)
    }

    /// Rotates a file that the system does not allow to grow, even if its last line is incomplete.
    /// Keeps an empty file: a new one would not be better.
    fn begin_another(&mut self) {
        if let Ok(current) = self.reopen()
            && current.size > 0
        {
            self.rotate(&current);
        }
    }

    /// Renames the file. Returns false if that fails; then the file continues to grow.
    fn rotate(&mut self, current: &Current) -> bool {
        let [renames, deletions] = &mut self.warnings;
        let now = Instant::now();
        let renamed = current.file.sync_data().and_then(|()| rotate::rename(&self.path));
        if let Err(error) = renamed {
            if renames.is_due(now) {
                tracing::warn!(target: TARGET, %error, "the log cannot be rotated, so it keeps growing");
            }
            return false;
        }
        if let Err(error) = rotate::prune(&self.path, self.keep)
            && deletions.is_due(now)
        {
            tracing::warn!(target: TARGET, %error, "old files of the log cannot be deleted");
        }
        true
    }

    fn reopen(&mut self) -> io::Result<Current> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let (file, metadata) = regular::open(&self.path, &mut options)?;
        let size = metadata.len();
        self.lines.is_torn = size > 0 && !ends_with_a_line(&self.path)?;
        let modified = metadata.modified().ok().filter(|_| size > 0);
        let modified = modified.and_then(|time| Timestamp::try_from(time).ok());
        let day = modified.map(|time| time.to_zoned(TimeZone::UTC).date());
        Ok(Current { file, identity: Identity::of(&metadata), size, day })
    }
}

impl LogSink for LogFile {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        let Err(first) = self.append(batch) else { return Ok(()) };
        if first.source.kind() == ErrorKind::FileTooLarge {
            self.begin_another();
        }
        // The error closed the file. Try the rest once more with a new one.
        let rest = batch.get(first.written..).unwrap_or_default();
        self.append(rest)
            .map_err(|again| SinkError::after(first.written + again.written, again.source))
    }

    fn flush(&mut self) -> io::Result<()> {
        let synced = self.current.as_ref().map_or(Ok(()), |current| current.file.sync_data());
        self.unsynced.take().map_or(synced, Err)
    }
}

fn ends_with_a_line(path: &Path) -> io::Result<bool> {
    let (mut file, _) = regular::open(path, OpenOptions::new().read(true))?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_flush_reports_that_a_moved_file_was_not_synchronised() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(directory.path().join("log.jsonl")).unwrap();
        log.flush().unwrap();
        // A socket cannot be synchronised, nor does the path lead to it.
        let (socket, _other) = UnixStream::pair().unwrap();
        let file = File::from(OwnedFd::from(socket));
        let identity = Identity::of(&file.metadata().unwrap());
        log.current = Some(Current { file, identity, size: 0, day: None });
        log.write(&[LogRecord::default()]).unwrap();
        log.flush().unwrap_err();
        log.flush().unwrap();
    }

    #[test]
    fn a_flush_reports_that_a_file_closed_by_an_error_was_not_synchronised() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.jsonl");
        let mut log = LogFile::open(&path).unwrap();
        let (socket, other) = UnixStream::pair().unwrap();
        drop(other);
        // The path leads to the log, and writing fails.
        let identity = Identity::of(&std::fs::metadata(&path).unwrap());
        let file = File::from(OwnedFd::from(socket));
        log.current = Some(Current { file, identity, size: 0, day: None });
        log.write(&[LogRecord::default()]).unwrap();
        log.flush().unwrap_err();
        log.flush().unwrap();
    }
}
