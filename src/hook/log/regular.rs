//! Opens regular files only.
//!
//! Opening a pipe that has no reader would block the thread forever.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// `O_NONBLOCK` of the C library, which makes opening a pipe fail instead of block. 0 on systems
/// whose value is not known here.
#[cfg(unix)]
const NONBLOCK: i32 = if cfg!(any(target_os = "linux", target_os = "android"))
    && !cfg!(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"))
{
    0o4000
} else if cfg!(any(
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)) {
    0x4
} else {
    0
};

/// Opens the file and returns its metadata, too.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<(File, Metadata)> {
    // Without `O_NONBLOCK`, only this check keeps the thread from blocking.
    check_path(path)?;
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, NONBLOCK);
    let file = options.open(path)?;
    // The path may lead elsewhere by now, so check the opened file.
    let metadata = file.metadata()?;
    check(&metadata)?;
    Ok((file, metadata))
}

/// Fails if the path leads to anything except a regular file. A missing file is fine.
pub(super) fn check_path(path: &Path) -> io::Result<()> {
    fs::metadata(path).map_or(Ok(()), |metadata| check(&metadata))
}

fn check(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

/// Identifies a file by device and inode.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity(#[cfg(unix)] (u64, u64));

impl Identity {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self((metadata.dev(), metadata.ino()))
    }

    /// Files have no identity on this system, so any file at the path will do.
    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Self {
        Self()
    }

    /// Returns true if the path still leads to this file.
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
    fn a_pipe_created_between_check_and_open_does_not_block() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut options = OpenOptions::new();
        options.append(true);
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, NONBLOCK);
        assert!(options.open(&pipe).is_err(), "no such device or address");
    }
}
