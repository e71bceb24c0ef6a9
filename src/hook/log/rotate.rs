//! Names and deletes rotated files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

const FORMAT: &str = "%Y%m%dT%H%M%S%.3fZ";
const LENGTH: usize = "20260131T235959.999Z".len();

/// Renames a log file to a name with the current time, or with a later time if that name would not
/// be the last.
pub(super) fn rename(path: &Path) -> io::Result<()> {
    // Names have milliseconds only, and an existing file would be overwritten.
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default();
    let now = now.to_zoned(TimeZone::UTC).datetime();
    let last = rotated(path)?.last().map(|(time, _)| *time);
    let time = match last {
        Some(last) if last >= now => last.saturating_add(1.millisecond()),
        _ => now,
    };
    fs::rename(path, name(path, time))
}

/// Deletes all but the newest `keep` files. Files that cannot be deleted stay until the next call.
///
/// # Errors
///
/// The first, after all files were tried.
pub(super) fn prune(path: &Path, keep: usize) -> io::Result<()> {
    let files = rotated(path)?;
    let deleted = files.iter().rev().skip(keep).map(|(_, old)| fs::remove_file(old));
    deleted.fold(Ok(()), Result::and)
}

/// The rotated files of a log, oldest first.
fn rotated(path: &Path) -> io::Result<Vec<(DateTime, PathBuf)>> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory.unwrap_or(Path::new(".")))? {
        let candidate = path.with_file_name(entry?.file_name());
        if let Some(time) = time_of(path, &candidate) {
            files.push((time, candidate));
        }
    }
    files.sort();
    Ok(files)
}

/// `gateway.jsonl` becomes `gateway-20260131T235959.999Z.jsonl`.
fn name(path: &Path, time: DateTime) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{}", time.strftime(FORMAT)));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// The time in the name of a rotated file; `None` for all other files.
fn time_of(path: &Path, candidate: &Path) -> Option<DateTime> {
    let stem = path.file_stem()?.to_str()?;
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    let rest = candidate.file_name()?.to_str()?.strip_prefix(stem)?.strip_prefix('-')?;
    let text = rest.strip_suffix(extension.as_deref().unwrap_or_default())?;
    // Rotation never writes years with fewer or more than four digits.
    (text.len() == LENGTH).then(|| DateTime::strptime(FORMAT, text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::datetime;

    #[test]
    fn names_contain_the_time_and_sort_by_it() {
        let path = Path::new("/var/log/gateway.jsonl");
        let early = name(path, datetime(2026, 1, 31, 23, 59, 59, 999_000_000));
        assert_eq!(early, Path::new("/var/log/gateway-20260131T235959.999Z.jsonl"));
        let late = name(path, datetime(2026, 2, 1, 0, 0, 0, 0));
        assert_eq!(late, Path::new("/var/log/gateway-20260201T000000.000Z.jsonl"));
        assert!(early < late);
        assert_eq!(
            name(Path::new("log"), datetime(2026, 2, 1, 0, 0, 0, 0)).to_str(),
            Some("log-20260201T000000.000Z")
        );
    }

    #[test]
    fn only_names_from_a_rotation_count_as_rotated_files() {
        let time = datetime(2026, 1, 31, 23, 59, 59, 999_000_000);
        for path in ["gateway.jsonl", "/a/gateway.jsonl", "gateway", "a.b.c"] {
            let path = Path::new(path);
            assert_eq!(time_of(path, &name(path, time)), Some(time), "{path:?}");
        }
        let path = Path::new("gateway.jsonl");
        for other in [
            "gateway.jsonl",
            "gateway-20260131T235959.999Z.json",
            "gateway-20260131T235959Z.jsonl",
            "gateway-20260131T235959.9991Z.jsonl",
            "gateway-20261331T235959.999Z.jsonl",
            "gateway--20260131T235959.999Z.jsonl",
            "gateway-old.jsonl",
            "gateway-.jsonl",
            "other-20260131T235959.999Z.jsonl",
        ] {
            assert_eq!(time_of(path, Path::new(other)), None, "{other}");
        }
    }
}
