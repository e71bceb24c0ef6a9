//! Files that the gateway reads repeatedly, and the size limit of those that it writes.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::fs::{File, metadata};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

const MIB: u64 = 1024 * 1024;

/// Larger files are not read.
const MOST: u64 = 16 * MIB;

/// A read that takes longer has failed, as on a network drive whose server is gone.
const LONGEST: Duration = Duration::from_secs(30);

/// Reads the text of a regular file. A FIFO would block the thread that opens it, and a device may have
/// no end.
pub(crate) async fn read(path: &Path) -> io::Result<String> {
    read_up_to(path, MOST).await.map(|(text, _)| text)
}

/// The result of reading files, unless it takes too long.
pub(crate) async fn in_time<T>(read: impl Future<Output = T>) -> io::Result<T> {
    timeout(LONGEST, read).await.map_err(|_| {
        let message = format!("a file cannot be read within {} seconds", LONGEST.as_secs());
        io::Error::new(io::ErrorKind::TimedOut, message)
    })
}

/// Reads a regular file of at most `most` bytes (whole MiB): its text, and when it was last changed.
pub(crate) async fn read_up_to(path: &Path, most: u64) -> io::Result<(String, SystemTime)> {
    in_time(try_read_up_to(path, most)).await?
}

async fn try_read_up_to(path: &Path, most: u64) -> io::Result<(String, SystemTime)> {
    // Check before opening, because opening a FIFO blocks. Someone who can swap the file in between can
    // also change its content. Check again after opening, because of devices.
    check(&metadata(path).await?)?;
    let file = File::open(path).await?;
    let metadata = file.metadata().await?;
    check(&metadata)?;
    let too_large = || {
        let message = format!("it is larger than {} MiB", most / MIB);
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    };
    if metadata.len() > most {
        return Err(too_large());
    }
    let mut text = String::new();
    // The file may have grown.
    if file.take(most + 1).read_to_string(&mut text).await? as u64 > most {
        return Err(too_large());
    }
    Ok((text, metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)))
}

fn check(metadata: &Metadata) -> io::Result<()> {
    let refused = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
    metadata.is_file().then_some(()).ok_or_else(refused)
}

/// From here on, writing beyond the limit on the size of files (`ulimit -f`) fails as on a full disk.
/// By default its signal, SIGXFSZ, ends the process.
#[cfg(unix)]
pub(crate) fn outlive_size_limit() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let is_mips = cfg!(any(target_arch = "mips", target_arch = "mips64"));
    // The handler stays when the stream of signals is dropped.
    signal(SignalKind::from_raw(if is_mips { 31 } else { 25 })).map(drop)
}

/// This system has no such signal.
#[cfg(windows)]
pub(crate) fn outlive_size_limit() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One whose read never ends would otherwise end all reloads.
    #[tokio::test(start_paused = true)]
    async fn a_read_that_takes_too_long_has_failed() {
        let error = in_time(std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(error.to_string(), "a file cannot be read within 30 seconds");
        assert_eq!(in_time(std::future::ready(1)).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn only_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let of = |name: &str| directory.path().join(name);
        std::fs::write(of("text"), "text").unwrap();
        assert_eq!(read(&of("text")).await.unwrap(), "text");
        assert_eq!(read(&of("missing")).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::File::create(of("large")).unwrap().set_len(MOST + 1).unwrap();
        assert_eq!(read(&of("large")).await.unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(read(directory.path()).await.unwrap_err().to_string().contains("not a regular"));
        #[cfg(unix)]
        {
            let made = std::process::Command::new("mkfifo").arg(of("fifo")).status().unwrap();
            assert!(made.success());
            for path in [of("fifo"), "/dev/zero".into()] {
                assert!(read(&path).await.unwrap_err().to_string().contains("not a regular"));
            }
        }
    }
}
