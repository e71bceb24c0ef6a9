//! The writer recovers from all kinds of failures.
#![cfg(unix)]

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tower_ai_gateway::log::{JsonLines, LogFile, LogHook, LogRecord, LogSink, SinkError};

use crate::log::directory::{Directory, ids_in, lines, record};
use crate::log::scene::{Kept, Scene, provider};
use crate::support::small_disk::{SmallDisk, in_limited_process, is_limited};
use crate::support::written::Written;

/// An error whose `Display` panics, after the sink has returned it.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("planted")
    }
}

impl std::error::Error for Unspeakable {}

/// Fails with this error for the first two batches.
struct Unlucky(Kept, u32);

impl LogSink for Unlucky {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        self.1 += 1;
        if self.1 <= 2 { Err(io::Error::other(Unspeakable).into()) } else { self.0.write(batch) }
    }
}

/// Takes one record, and then no more until it is free.
struct Busy(Kept, Arc<AtomicBool>);

impl LogSink for Busy {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        let Self(kept, is_free) = self;
        if is_free.load(Ordering::SeqCst) {
            return kept.write(batch);
        }
        let room = usize::from(kept.0.lock().unwrap().is_empty());
        kept.write(&batch[..room])?;
        Err(SinkError::after(room, io::Error::other("busy")).temporary())
    }
}

#[tokio::test]
async fn a_busy_sink_gets_the_rest_again_and_none_twice() {
    let (other, late, is_free) = (Kept::default(), Kept::default(), Arc::default());
    let busy = Busy(late.clone(), Arc::clone(&is_free));
    let log = LogHook::builder(other.clone()).sink(busy).build().unwrap();
    let mut scene = Scene::new(provider(b"").await, log).await;
    let ids = scene.refuse(5).await;
    let report = scene.log.flush(Duration::from_millis(300));
    assert!(!report.in_time && report.counts.queued > 0, "{report}");
    assert_eq!(report.counts.failed, 0, "{report}");
    is_free.store(true, Ordering::SeqCst);
    scene.settle();
    for kept in [other, late] {
        let kept: Vec<_> = kept.take().into_iter().map(|record| record.id).collect();
        assert_eq!(kept, ids);
    }
}

#[tokio::test]
async fn a_panic_of_the_writer_loses_only_a_batch() {
    let kept = Kept::default();
    let log = LogHook::builder(Unlucky(kept.clone(), 0)).build().unwrap();
    let mut scene = Scene::new(provider(b"").await, log).await;
    for lost in [1, 2] {
        scene.refuse(1).await;
        let report = scene.flush();
        assert!(report.in_time, "{report}");
        assert_eq!((report.counts.failed, report.counts.queued), (lost, 0), "{report}");
    }
    let ids = scene.refuse(3).await;
    let report = scene.flush();
    assert_eq!(
        (report.counts.failed, report.counts.written, report.counts.queued_bytes),
        (2, 3, 0)
    );
    assert_eq!(kept.take().into_iter().map(|record| record.id).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn a_disk_that_fills_and_empties_again_costs_only_what_came_meanwhile() {
    const NAME: &str =
        "log::recovery::a_disk_that_fills_and_empties_again_costs_only_what_came_meanwhile";
    if is_limited() {
        // A file that reached its size limit is emptied.
        let directory = Directory::new();
        let file = File::options().append(true).create(true).open(directory.log()).unwrap();
        let (writer, emptied) = (file.try_clone().unwrap(), file.try_clone().unwrap());
        let fill = move || {
            let mut file = &file;
            while io::Write::write_all(&mut file, b"\n").is_ok() {}
        };
        let empty = move || emptied.set_len(0).unwrap();
        return fills_and_empties(JsonLines::new(writer), &directory.log(), fill, empty).await;
    }
    let Some(disk) = SmallDisk::mount() else { return in_limited_process(NAME) };
    let log = disk.path().join("gateway.jsonl");
    fills_and_empties(LogFile::open(&log).unwrap(), &log, || disk.fill(), || disk.empty()).await;
}

async fn fills_and_empties(sink: impl LogSink, log: &Path, fill: impl Fn(), empty: impl Fn()) {
    let hook = LogHook::builder(sink).build().unwrap();
    let mut scene = Scene::new(provider(b"").await, hook).await;
    scene.refuse(2).await;
    scene.settle();
    fill();
    // More than fits into the rest of a page of the file.
    scene.refuse(20).await;
    let full = scene.flush();
    assert!(full.in_time && full.counts.failed > 0, "{full}");
    assert_eq!(full.counts.failed + full.counts.written, 22, "{full}");
    empty();
    let after = scene.refuse(20).await;
    let report = scene.flush();
    assert_eq!(report.counts.failed, full.counts.failed, "nothing more is lost: {report}");
    let text = fs::read_to_string(log).unwrap();
    let (whole, torn): (Vec<_>, Vec<_>) = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(serde_json::from_str::<Value>)
        .partition(Result::is_ok);
    let ids: Vec<_> = whole.into_iter().map(|line| line.unwrap()["id"].clone()).collect();
    assert!(ids.ends_with(&after.into_iter().map(Value::from).collect::<Vec<_>>()), "{text}");
    assert!(torn.len() <= 1, "{text}");
}

#[test]
fn an_old_file_that_cannot_be_deleted_is_reported_once() {
    let directory = Directory::new();
    let (written, _guard) = Written::capture();
    fs::create_dir(directory.path().join("gateway-20200101T000000.000Z.jsonl")).unwrap();
    let mut file = directory.file().max_size(1).keep(1);
    for number in 0..4 {
        file.write(&[record(&number.to_string(), "2026-01-31T22:00:00Z")]).unwrap();
    }
    let warnings = written.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("old files of the log cannot be deleted"), "{warnings:?}");
}

#[test]
fn a_file_that_may_not_grow_any_more_is_rotated_and_nothing_is_lost() {
    const NAME: &str =
        "log::recovery::a_file_that_may_not_grow_any_more_is_rotated_and_nothing_is_lost";
    if !is_limited() {
        return in_limited_process(NAME);
    }
    let directory = Directory::new();
    let mut file = directory.file();
    for number in 0..200 {
        file.write(&[record(&number.to_string(), "2026-01-31T22:00:00Z")]).unwrap();
    }
    let files = directory.files();
    assert!(files.len() > 1, "{files:?}");
    let mut ids = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        ids.extend(whole.map(|line| line["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(ids, (0..200).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn only_regular_files_are_opened_without_blocking() {
    let directory = Directory::new();
    let pipe = directory.path().join("pipe");
    make_pipe(&pipe);
    for path in [&pipe, directory.path(), Path::new("/dev/null")] {
        let error = LogFile::open(path).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file", "{path:?}");
    }
}

#[tokio::test]
async fn a_pipe_or_directory_in_place_of_the_file_does_not_block() {
    let directory = Directory::new();
    let mut scene = Scene::new(provider(b"").await, directory.hook()).await;
    let mut lost = 0;
    for place in [make_pipe, make_directory] {
        scene.refuse(1).await;
        assert_eq!(scene.flush().counts.failed, lost);
        fs::remove_file(directory.log()).unwrap();
        place(&directory.log());
        scene.refuse(2).await;
        lost += 2;
        let report = scene.flush();
        assert!(report.in_time && report.counts.failed == lost, "{report}");
        let _ = fs::remove_file(directory.log()).or_else(|_| fs::remove_dir(directory.log()));
    }
    let ids = scene.refuse(3).await;
    assert_eq!(scene.flush().counts.failed, lost);
    assert_eq!(lines(directory.log()).len(), 3);
    assert_eq!(ids_in(directory.log()), ids);
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn make_directory(path: &Path) {
    fs::create_dir(path).unwrap();
}
