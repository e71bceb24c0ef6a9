//! A small disk that fills and empties again.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The place of the gateway's log: a tmpfs of 2 MiB. If it cannot be mounted, a folder in which a
/// directory takes the log's place instead.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Place>);

struct Place {
    folder: PathBuf,
    is_mounted: bool,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(&folder).stderr(Stdio::null());
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        Self(Arc::new(Place { folder, is_mounted }))
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.folder.join("log.jsonl")
    }

    /// Alternates: full for half a second, then empty for two. Returns how often it was full.
    pub(crate) async fn fill_and_empty_until(self, end: Instant) -> u64 {
        let (filler, log) = (self.0.folder.join("filler"), self.log());
        let mut fillings = 0;
        while Instant::now() < end {
            tokio::time::sleep(Duration::from_secs(2)).await;
            if self.0.is_mounted {
                fill(&filler);
            } else {
                fs::remove_file(&log).unwrap();
                fs::create_dir(&log).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            if self.0.is_mounted {
                fs::remove_file(&filler).unwrap();
            } else {
                fs::remove_dir(&log).unwrap();
            }
            // The written data is not needed, and the disk is small.
            if fs::metadata(&log).is_ok_and(|log| log.len() > 1_000_000) {
                fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
            }
            fillings += 1;
        }
        fillings
    }
}

/// Fills the disk to the last byte.
fn fill(filler: &Path) {
    let mut file = fs::File::create(filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
