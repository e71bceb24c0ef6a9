//! Full and failing disks, and files changed by other programs.

use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tower_ai_gateway::log::{JsonLines, LogHook, LogSink as _};

use crate::log::directory::{Directory, ids_in, lines, record};
use crate::log::scene::{Scene, provider};

#[test]
fn after_a_failure_the_path_is_tried_again() {
    let directory = Directory::new();
    let mut file = directory.file();
    fs::remove_file(directory.log()).unwrap();
    fs::create_dir(directory.log()).unwrap();
    assert_eq!(file.write(&[record("1", "2026-01-31T22:00:00Z")]).unwrap_err().written, 0);
    fs::remove_dir(directory.log()).unwrap();
    file.write(&[record("2", "2026-01-31T22:00:00Z")]).unwrap();
    assert_eq!(ids_in(directory.log()), ["2"]);
}

#[test]
fn a_line_torn_by_a_crash_is_kept() {
    let directory = Directory::new();
    fs::write(directory.log(), "{\"id\":\"ha").unwrap();
    let mut file = directory.file();
    file.write(&[record("1", "2026-01-31T22:00:00Z")]).unwrap();
    let text = fs::read_to_string(directory.log()).unwrap();
    let (torn, whole) = text.split_once('\n').unwrap();
    assert_eq!(torn, "{\"id\":\"ha");
    assert_eq!(serde_json::from_str::<Value>(whole).unwrap()["id"], "1");
}

/// A writer that fails while the flag is set, after some bytes of a line.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<(Vec<u8>, Option<usize>)>>);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        let taken = match state.1.as_mut() {
            None => bytes.len(),
            Some(0) => return Err(io::ErrorKind::StorageFull.into()),
            Some(room) => std::mem::take(room).min(bytes.len()),
        };
        state.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_writer_that_recovers_loses_only_the_failed_records() {
    let disk = Disk::default();
    let log = LogHook::builder(JsonLines::new(disk.clone())).build().unwrap();
    let mut scene = Scene::new(provider(b"").await, log).await;
    let before = scene.refuse(2).await;
    scene.settle();
    disk.0.lock().unwrap().1 = Some(100);
    scene.refuse(3).await;
    let report = scene.flush();
    assert_eq!((report.counts.written, report.counts.failed), (2, 3));
    assert!(report.in_time && !report.is_complete());
    assert_eq!(report.to_string(), "2 log records written, 3 that could not be written");
    disk.0.lock().unwrap().1 = None;
    let after = scene.refuse(2).await;
    assert_eq!(scene.flush().counts.written, 4);
    let text = String::from_utf8(disk.0.lock().unwrap().0.clone()).unwrap();
    let (whole, torn): (Vec<_>, Vec<_>) =
        text.lines().map(serde_json::from_str::<Value>).partition(Result::is_ok);
    let ids: Vec<_> = whole.into_iter().map(|line| line.unwrap()["id"].clone()).collect();
    assert_eq!(ids, [before, after].concat());
    assert_eq!(torn.len(), 1, "the torn line has a line of its own");
}

#[cfg(unix)]
#[tokio::test]
async fn a_moved_or_deleted_file_is_created_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = Directory::new();
    let log = directory.hook();
    let mut scene = Scene::new(provider(b"").await, log).await;
    scene.refuse(1).await;
    scene.settle();
    let mode = fs::metadata(directory.log()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    let moved = directory.path().join("moved");
    fs::rename(directory.log(), &moved).unwrap();
    scene.refuse(2).await;
    scene.settle();
    assert_eq!((lines(moved).len(), lines(directory.log()).len()), (1, 2));

    fs::remove_dir_all(directory.path()).unwrap();
    scene.refuse(3).await;
    assert_eq!(scene.flush().counts.failed, 3);
    fs::create_dir(directory.path()).unwrap();
    let ids = scene.refuse(4).await;
    assert_eq!(scene.flush().counts.written, 7);
    assert_eq!(ids_in(directory.log()), ids);
}
