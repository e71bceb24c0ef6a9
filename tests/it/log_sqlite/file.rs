//! The file: its permissions, its retention, and concurrent use.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tower_ai_gateway::log::{LogQuery, LogStore, LogStoreError};

use crate::log_sqlite::log::{Directory, id, record, various, write};

#[test]
fn a_reopened_file_has_every_record() {
    let directory = Directory::new();
    let mut records = various(50);
    records[7].response_head = Some("an answer".to_owned());
    let store = LogStore::open(directory.file()).unwrap();
    write(&store, &records);
    assert_eq!(store.count(&LogQuery::default()).unwrap(), 50);
    drop(store);
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 1, "what SQLite puts beside the file is gone");
    let store = LogStore::open(directory.file()).unwrap();
    for record in &records {
        assert_eq!(store.get(&record.id).unwrap().as_ref(), Some(record));
    }
    // A batch that is written twice is stored once.
    write(&store, &records[..10]);
    assert_eq!(store.count(&LogQuery::default()).unwrap(), 50);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_log() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    write(&store, &[record(1)]);
    let files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 3, "the database, its log and its index");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[test]
fn other_files_and_those_of_later_releases_are_not_changed() {
    let directory = Directory::new();
    drop(LogStore::open(directory.file()).unwrap());
    let connection = rusqlite::Connection::open(directory.file()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let error = LogStore::open(directory.file()).unwrap_err();
    assert!(matches!(error, LogStoreError::NewerSchema { found: 99, known: 3 }), "{error}");

    let other = directory.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(LogStore::open(&other), Err(LogStoreError::NotALog)));
    let text = directory.path().join("text");
    std::fs::write(&text, "no database at all, but long enough to have a head ".repeat(10))
        .unwrap();
    assert!(matches!(LogStore::open(&text), Err(LogStoreError::Database(_))));
    let nowhere = directory.path().join("nosuch").join("log.db");
    assert!(matches!(LogStore::open(nowhere), Err(LogStoreError::File(_))));
}

#[test]
fn old_records_are_deleted_with_their_rows() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap().keep(None, Some(30));
    let records = various(100);
    for batch in records.chunks(20) {
        write(&store, batch);
    }
    let kept = || store.count(&LogQuery::default()).unwrap();
    assert_eq!(kept(), 30);
    assert!(store.get(&id(69)).unwrap().is_none() && store.get(&id(70)).unwrap().is_some());

    // All but one are of 2023.
    let mut new = record(100);
    new.created_at = jiff::Timestamp::now();
    let store = store.clone().keep(Some(Duration::from_secs(3600)), None);
    write(&store, &[new]);
    assert_eq!(kept(), 1);
    let connection = rusqlite::Connection::open(directory.file()).unwrap();
    for (table, left) in [("logs", 1), ("metadata", 0)] {
        let count = format!("SELECT count(*) FROM {table}");
        let count: i64 = connection.query_row(&count, [], |row| row.get(0)).unwrap();
        assert_eq!(count, left, "{table}");
    }

    let store = store.keep(None, None);
    // One of these exists already.
    write(&store, &various(2500));
    assert_eq!(store.clone().keep(None, Some(10)).prune().unwrap(), 2490);
    assert_eq!(kept(), 10);
}

#[test]
fn readers_are_not_blocked_by_a_writer() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    let other = LogStore::open(directory.file()).unwrap();
    let is_done = Arc::new(AtomicBool::new(false));
    let records: Vec<_> = (0..3000).map(record).collect();
    std::thread::scope(|scope| {
        for reader in [store.clone(), other.clone()] {
            let is_done = is_done.clone();
            scope.spawn(move || {
                let mut last = 0;
                while !is_done.load(Ordering::Relaxed) {
                    let count = reader.count(&LogQuery::default()).unwrap();
                    assert!(count >= last && count.is_multiple_of(100), "{count} after {last}");
                    last = count;
                }
            });
        }
        // Both write alternating transactions.
        for (turn, batch) in records.chunks(100).enumerate() {
            write([&store, &other][turn % 2], batch);
        }
        is_done.store(true, Ordering::Relaxed);
    });
    // A reader does not wait for a slow writer.
    let writer = rusqlite::Connection::open(directory.file()).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE; DELETE FROM logs WHERE seq > 10").unwrap();
    assert_eq!(other.count(&LogQuery::default()).unwrap(), 3000);
}

/// The path of the log for the second process.
const FILE: &str = "LOG_SQLITE_TEST_FILE";

#[test]
fn another_process_can_read_and_rate() {
    if let Some(file) = std::env::var_os(FILE) {
        return be_the_other_process(&LogStore::open(file).unwrap());
    }
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "log_sqlite::file::another_process_can_read_and_rate", "--nocapture"])
        .env(FILE, directory.file())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with("open")), "the other process opens the log");
    for batch in various(1000).chunks(10) {
        write(&store, batch);
    }
    assert!(lines.any(|line| line.ends_with("classified")), "the other process sees all records");
    assert!(child.wait().unwrap().success());
    assert_eq!(store.get(&id(3)).unwrap().unwrap().feedback, Some(-1));
}

fn be_the_other_process(store: &LogStore) {
    println!("open");
    let until = Instant::now() + Duration::from_secs(30);
    while store.count(&LogQuery::default()).unwrap() < 1000 {
        assert!(Instant::now() < until, "waited in vain for the records");
    }
    let feedback = serde_json::from_str(r#"{"feedback":-1}"#).unwrap();
    store.set_feedback(&id(3), &feedback).unwrap();
    println!("classified");
}

#[test]
fn ten_thousand_records_take_seconds() {
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    let records = various(10_000);
    let begun = Instant::now();
    write(&store, &records);
    let taken = begun.elapsed();
    println!("10,000 records in {taken:?}");
    assert!(taken < Duration::from_secs(30), "{taken:?}");
    assert_eq!(store.count(&LogQuery::default()).unwrap(), 10_000);
}
