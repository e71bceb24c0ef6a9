//! Reads small files that a host names.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// Larger files are refused.
const MOST: u64 = 16 * 1024 * 1024;

/// Reads the text of a regular file of at most 16 MiB. A FIFO would block the caller until it is
/// written to, and a device may have no end.
pub(crate) fn read(path: &Path) -> Result<String> {
    // Check before opening, because opening a FIFO blocks. Someone who can swap the file in between
    // can also change its content.
    check(&path.metadata()?)?;
    let file = File::open(path)?;
    check(&file.metadata()?)?;
    let mut text = String::new();
    if file.take(MOST + 1).read_to_string(&mut text)? as u64 > MOST {
        return Err(Error::new(ErrorKind::FileTooLarge, "it is larger than 16 MiB"));
    }
    Ok(text)
}

fn check(metadata: &Metadata) -> Result<()> {
    let refused = || Error::new(ErrorKind::InvalidInput, "it is not a regular file");
    metadata.is_file().then_some(()).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let of = |name: &str| directory.path().join(name);
        std::fs::write(of("text"), "text").unwrap();
        assert_eq!(read(&of("text")).unwrap(), "text");
        assert_eq!(read(&of("missing")).unwrap_err().kind(), ErrorKind::NotFound);
        File::create(of("large")).unwrap().set_len(MOST + 1).unwrap();
        assert_eq!(read(&of("large")).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read(directory.path()).unwrap_err().kind(), ErrorKind::InvalidInput);
        #[cfg(unix)]
        {
            let made = std::process::Command::new("mkfifo").arg(of("fifo")).status().unwrap();
            assert!(made.success());
            for path in [of("fifo"), "/dev/zero".into()] {
                assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::InvalidInput);
            }
        }
    }
}
