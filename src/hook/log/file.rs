//! A file of JSON lines.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::lines::Lines;
use super::regular::{self, Identity};
use super::{LogRecord, LogSink, SinkError, rotate};
use crate::util::macros::setters;

/// Writes one line of JSON for each record to a file, which is rotated.
///
/// A file that grows beyond 100 MiB is renamed, with the time in its name (`gateway.jsonl` becomes
/// `gateway-20260131T235959.999Z.jsonl`), and a new one is begun; ten are kept beside it. Names
/// sort by time. Every record stands whole in one of the files.
///
/// The file is for its owner alone (mode 600) unless it is there already. One that another program
/// moves or deletes is begun anew. After an error the file is opened again for what comes next, and
/// one that may not grow any more (`ulimit -f`) is rotated. A pipe, a device or a directory is never
/// written to, nor waited for. Two hooks must not share a file.
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
    lines: Lines,
    /// The last rename failed. The next batch tries again, but only the first failure is logged.
    has_failed: bool,
}

/// The open file.
#[derive(Debug)]
struct Current {
    file: File,
    /// Tells whether the path still leads to this file.
    identity: Identity,
    size: u64,
    /// The day of its last record, where each day has a file.
    day: Option<Date>,
}

impl LogFile {
    /// Appends to the file at `path`, which is created where it is not there.
    ///
    /// # Errors
    ///
    /// The file cannot be opened for writing, or is no regular file.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let mut file = Self {
            path: path.into(),
            max_size: 100 << 20,
            daily: false,
            keep: 10,
            current: None,
            lines: Lines::default(),
            has_failed: false,
        };
        file.current = Some(file.reopen()?);
        Ok(file)
    }
}

setters! { impl LogFile {
    /// How many bytes the file may grow to. Default: 100 MiB. A longer record has a file of its
    /// own.
    pub fn max_size(self, bytes: u64) => self.max_size = bytes;

    /// Whether each day (UTC) has a file of its own. Default: no.
    pub fn daily(self, daily: bool) => self.daily = daily;

    /// How many rotated files are kept; older ones are deleted. Default: 10.
    pub fn keep(self, files: usize) => self.keep = files;
}}

impl LogFile {
    fn append(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        self.lines.begin();
        let mut current = match self.current.take() {
            Some(current) if current.identity.is_at(&self.path) => current,
            _ => self.reopen()?,
        };
        let mut may_rotate = true;
        for record in batch {
            let day = self.daily.then(|| record.created_at.to_zoned(TimeZone::UTC).date());
            let begin = self.lines.len();
            self.lines.add(record)?;
            if may_rotate && self.is_due(&current, begin, day) {
                self.send(&mut current, begin)?;
                may_rotate = self.rotate(&current);
                current = self.reopen().map_err(|error| self.lines.failed(error))?;
            }
            // Exchanges do not end in the order in which they began.
            current.day = current.day.max(day);
            if self.lines.is_full() {
                self.send(&mut current, self.lines.len())?;
            }
        }
        self.send(&mut current, self.lines.len())?;
        self.current = Some(current);
        Ok(())
    }

    /// Writes the lines in the first `length` bytes of the buffer.
    fn send(&mut self, current: &mut Current, length: usize) -> Result<(), SinkError> {
        current.size += length as u64;
        self.lines.send_first(&mut current.file, length)
    }

    /// Whether the line that begins at `begin` in the buffer, of a record of this day, belongs in the
    /// next file.
    fn is_due(&self, current: &Current, begin: usize, day: Option<Date>) -> bool {
        let size = current.size.saturating_add(begin as u64);
        let is_new_day = self.daily && current.day.is_some() && current.day < day;
        let is_full = current.size.saturating_add(self.lines.len() as u64) > self.max_size;
        size > 0 && (is_full || is_new_day)
    }

    /// Rotates a file that the system does not let grow, even if its last line is torn. Keeps an
    /// empty one: a new file would not be better.
    fn begin_another(&mut self) {
        if let Ok(current) = self.reopen()
            && current.size > 0
        {
            self.rotate(&current);
        }
    }

    /// Renames the file. Returns whether that worked; if not, the file grows on.
    fn rotate(&mut self, current: &Current) -> bool {
        let renamed = current.file.sync_data().and_then(|()| rotate::rename(&self.path));
        if let Err(error) = &renamed
            && !self.has_failed
        {
            tracing::warn!(target: crate::TARGET, %error, "the log cannot be rotated; it grows on");
        }
        self.has_failed = renamed.is_err();
        if !self.has_failed {
            rotate::prune(&self.path, self.keep);
        }
        !self.has_failed
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
        self.current.as_ref().map_or(Ok(()), |current| current.file.sync_data())
    }
}

fn ends_with_a_line(path: &Path) -> io::Result<bool> {
    let (mut file, _) = regular::open(path, OpenOptions::new().read(true))?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
