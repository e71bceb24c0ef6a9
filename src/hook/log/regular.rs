//! Opening regular files, and nothing else.
//!
//! A pipe without a reader would hold the thread that opens it for good, and a device is no place
//! for a log.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// `O_NONBLOCK` of the C library, by which opening a pipe fails instead of waiting.
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"))
))]
const NONBLOCK: i32 = 0o4000;
#[cfg(any(
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
))]
const NONBLOCK: i32 = 0x4;

/// Opens the file and gives what is known of it.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<(File, Metadata)> {
    // Where there is no such flag, this alone keeps from waiting.
    check_path(path)?;
    #[cfg(any(
        all(
            any(target_os = "linux", target_os = "android"),
            not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"))
        ),
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly"
    ))]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, NONBLOCK);
    let file = options.open(path)?;
    // The path may lead elsewhere by now: what was opened decides.
    let metadata = file.metadata()?;
    check(&metadata)?;
    Ok((file, metadata))
}

/// Fails where something else than a regular file is at the path. Nothing may be there.
pub(super) fn check_path(path: &Path) -> io::Result<()> {
    fs::metadata(path).map_or(Ok(()), |metadata| check(&metadata))
}

fn check(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

/// Tells one file from another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity(#[cfg(unix)] (u64, u64));

impl Identity {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self((metadata.dev(), metadata.ino()))
    }

    /// There is no knowing: the path leads to some file.
    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Self {
        Self()
    }

    /// Whether the path still leads to it.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && Self::of(&metadata) == *self)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn pipes_directories_and_devices_are_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, directory.path(), Path::new("/dev/null")] {
            let error = open(path, OpenOptions::new().append(true)).unwrap_err();
            assert_eq!(error.to_string(), "not a regular file", "{path:?}");
        }
        let file = directory.path().join("file");
        open(&file, OpenOptions::new().append(true).create(true)).unwrap();
        open(&file, OpenOptions::new().read(true)).unwrap();
    }

    #[test]
    fn a_pipe_that_came_between_check_and_open_does_not_hold_the_thread() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut options = OpenOptions::new();
        options.append(true);
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, NONBLOCK);
        assert!(options.open(&pipe).is_err(), "no such device or address");
    }
}
