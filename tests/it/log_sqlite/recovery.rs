//! A store recovers from changes of its file.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tower_ai_gateway::log::{LogHook, LogQuery, LogRecord, LogSink as _, LogStore, LogStoreError};

use crate::log::scene::{LONG, Scene, provider};
use crate::log_sqlite::log::{Directory, id, record, various, write};
use crate::support::small_disk::{SmallDisk, in_limited_process, is_limited};
use crate::support::written::Written;

/// Retries the write until it succeeds, because the store pauses after a failure.
#[track_caller]
fn write_in_the_end(store: &LogStore, records: &[LogRecord]) {
    let until = Instant::now() + Duration::from_secs(30);
    while let Err(error) = store.sink().write(records) {
        assert!(Instant::now() < until, "{error}");
        std::thread::yield_now();
    }
}

fn count(store: &LogStore) -> u64 {
    store.count(&LogQuery::default()).unwrap()
}

#[test]
fn a_deleted_file_is_created_again_at_once() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    write(&store, &various(10));
    assert_eq!(count(&store), 10);
    fs::remove_file(directory.file()).unwrap();
    write(&store, &[record(20)]);
    assert_eq!(count(&store), 1, "readers see the new file");
    drop(store);
    let store = LogStore::open(directory.file()).unwrap();
    assert!(store.get(&id(20)).unwrap().is_some(), "it is in the file that is there");
}

#[test]
fn a_moved_file_keeps_its_records() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    write(&store, &various(10));
    let moved = directory.path().join("moved.db");
    store.sink().flush().unwrap();
    fs::rename(directory.file(), &moved).unwrap();
    write(&store, &[record(20)]);
    assert_eq!(count(&store), 1);
    assert_eq!(count(&LogStore::open(moved).unwrap()), 10);
}

#[test]
fn another_object_at_the_path_is_refused_until_it_is_gone() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    for place in [make_pipe, make_directory] {
        write_in_the_end(&store, &[record(1)]);
        fs::remove_file(directory.file()).unwrap();
        place(&directory.file());
        assert!(matches!(LogStore::open(directory.file()), Err(LogStoreError::File(_))));
        for _ in 0..3 {
            assert_eq!(store.sink().write(&[record(2)]).unwrap_err().written, 0);
        }
        let _ = fs::remove_file(directory.file()).or_else(|_| fs::remove_dir(directory.file()));
    }
    write_in_the_end(&store, &[record(3)]);
    assert_eq!(count(&store), 1);
}

#[test]
fn a_recreated_directory_is_used_again() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    write(&store, &various(10));
    fs::remove_dir_all(directory.path()).unwrap();
    assert!(store.sink().write(&[record(1)]).is_err());
    fs::create_dir(directory.path()).unwrap();
    write_in_the_end(&store, &[record(2)]);
    assert_eq!(count(&store), 1);
}

#[test]
fn a_locked_file_gets_the_same_records_later() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    let other = rusqlite::Connection::open(directory.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.sink().write(&[record(1)]).unwrap_err();
    assert_eq!((error.written, error.is_temporary), (0, true));
    other.execute_batch("ROLLBACK").unwrap();
    write(&store, &[record(1), record(2)]);
    assert_eq!(count(&store), 2);
}

#[test]
fn a_new_file_that_is_locked_gets_the_same_records_later() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    write(&store, &[record(0)]);
    fs::remove_file(directory.file()).unwrap();
    let other = rusqlite::Connection::open(directory.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..2 {
        let error = store.sink().write(&[record(1)]).unwrap_err();
        assert_eq!((error.written, error.is_temporary), (0, true), "{error}");
    }
    other.execute_batch("ROLLBACK").unwrap();
    write(&store, &[record(1)]);
    assert_eq!(count(&store), 1);
}

#[tokio::test]
async fn records_wait_in_the_queue_while_the_file_is_locked() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    // Of refused requests, a quarter.
    let log = LogHook::builder(store.sink()).queue_limit(16).build().unwrap();
    let mut scene = Scene::new(provider(b"").await, log.clone()).await;
    let other = rusqlite::Connection::open(directory.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    scene.refuse(6).await;
    // Longer than SQLite waits by itself.
    let report = log.flush(Duration::from_secs(7));
    assert!(!report.in_time, "{report}");
    let counts = report.counts;
    assert_eq!((counts.queued, counts.dropped, counts.failed), (4, 2, 0), "{report}");
    other.execute_batch("ROLLBACK").unwrap();
    let report = log.flush(LONG);
    assert!(report.in_time, "{report}");
    let counts = report.counts;
    assert_eq!((counts.written, counts.dropped, counts.failed), (4, 2, 0), "{report}");
    assert_eq!(count(&store), 4);
}

#[test]
fn a_flush_succeeds_while_others_read() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    write(&store, &[record(1)]);
    let other = rusqlite::Connection::open(directory.file()).unwrap();
    // A snapshot: what comes after it stays in the write-ahead log.
    let count = "SELECT count(*) FROM logs";
    other.execute_batch("BEGIN").unwrap();
    other.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap();
    write(&store, &[record(2)]);
    store.sink().flush().unwrap();
    let journal = directory.path().join("log.db-wal");
    let moved = directory.path().join("moved");
    fs::rename(&journal, &moved).unwrap();
    assert!(store.sink().flush().is_err(), "it cannot be synchronised");
    fs::rename(&moved, &journal).unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    store.sink().flush().unwrap();
}

#[test]
fn a_failed_deletion_is_reported_and_loses_nothing() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap().keep(None, Some(1));
    let other = rusqlite::Connection::open(directory.file()).unwrap();
    let refuse = "CREATE TRIGGER refused BEFORE DELETE ON logs
        BEGIN SELECT RAISE(ABORT, 'planted'); END";
    other.execute_batch(refuse).unwrap();
    let (written, _guard) = Written::capture();
    let mut sink = store.sink();
    for batch in various(4).chunks(2) {
        sink.write(batch).unwrap();
    }
    assert_eq!(count(&store), 4);
    let warnings = written.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let told = ["old records of the log cannot be deleted", "planted"];
    assert!(told.iter().all(|told| warnings[0].contains(told)), "{warnings:?}");
}

#[test]
fn a_disk_that_fills_and_empties_again_costs_only_what_came_meanwhile() {
    const NAME: &str =
        "log_sqlite::recovery::a_disk_that_fills_and_empties_again_costs_only_what_came_meanwhile";
    let big = |from: usize| -> Vec<LogRecord> {
        let with_body = |number| {
            let mut record = record(number);
            record.response_head = Some("x".repeat(4096));
            record
        };
        (from..from + 60).map(with_body).collect()
    };
    if is_limited() {
        // The file exceeds the process's size limit until it is deleted.
        let directory = Directory::new();
        let store = LogStore::open(directory.file()).unwrap();
        assert_eq!(store.sink().write(&big(0)).unwrap_err().written, 0);
        fs::remove_file(directory.file()).unwrap();
        return write_in_the_end(&store, &[record(100)]);
    }
    let Some(disk) = SmallDisk::mount() else { return in_limited_process(NAME) };
    let store = LogStore::open(disk.path().join("log.db")).unwrap();
    write(&store, &[record(0)]);
    disk.fill();
    let error = store.sink().write(&big(1)).unwrap_err();
    assert_eq!((error.written, error.is_temporary), (0, true), "all or none");
    disk.empty();
    write_in_the_end(&store, &[record(100)]);
    assert_eq!(count(&store), 2);
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn make_directory(path: &Path) {
    fs::create_dir(path).unwrap();
}
