//! A small disk that fills and empties again.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A tmpfs of 2 MiB. To mount one takes root, in this or in a namespace of its own.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Mounted>);

struct Mounted(PathBuf);

impl Disk {
    pub(crate) fn new() -> Self {
        let path = tempfile::tempdir().unwrap().keep();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "none"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(
            mounted.success(),
            "a small disk needs root: run this test under `unshare --map-root-user --mount`"
        );
        Self(Arc::new(Mounted(path)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.0
    }

    /// Fills the disk to its last byte for half a second, and then empties it for two: the gateway's
    /// own log is moved away as a rotation would. Gives how often.
    pub(crate) async fn fill_and_empty_until(self, end: Instant) -> u64 {
        let (filler, log) = (self.path().join("filler"), self.path().join("log.jsonl"));
        let mut fillings = 0;
        while Instant::now() < end {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let mut file = fs::File::create(&filler).unwrap();
            let block = [0; 4096];
            while file.write_all(&block).is_ok() {}
            drop(file);
            tokio::time::sleep(Duration::from_millis(500)).await;
            fs::remove_file(&filler).unwrap();
            // What was written so far is not needed, and the disk is small.
            if fs::metadata(&log).is_ok_and(|log| log.len() > 1_000_000) {
                fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
            }
            fillings += 1;
        }
        fillings
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}
