//! The example gateway under mixed load for as long as `SOAK_SECONDS` says: clients that leave, stall
//! or are refused, a provider that breaks off, settings that change, a disk that fills, and a
//! standard error that nobody reads. Memory and descriptors stay flat, no key reaches another host,
//! and every counter adds up. `tests/soak/run.sh` runs it for 20 minutes.
//!
//! A separate program: it needs the whole machine, and measures the memory of a process.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

mod books;
mod clients;
mod disk;
mod provider;
mod report;
mod settings;
#[allow(dead_code)]
#[path = "../it/support/mod.rs"]
mod support;
mod watch;

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use books::Books;
use clients::Course;
use disk::Disk;
use settings::SettingsFile;
use support::program::Program;
use watch::Watch;

/// The duration of the load. Long enough for all kinds of clients, reloads and full disks.
const SECONDS: u64 = 15;

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_descriptors_stay_flat_and_every_counter_adds_up() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let books = Arc::new(Books::default());
    let hosts = provider::Hosts::start(&books).await;
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let settings = SettingsFile::new(folder.path(), &hosts);
    let log = disk.log();
    let database = folder.path().join("log.db");
    let arguments = [
        "--config",
        settings.path(),
        "--log",
        log.to_str().unwrap(),
        "--log-db",
        database.to_str().unwrap(),
    ];
    let mut program = Program::start_with(&arguments, |command| {
        command.env("RUST_LOG", "debug").stderr(Stdio::piped());
    });
    // Held open and never read: the pipe is full after 64 KiB of lines.
    let unread = program.stderr().unwrap();
    let end = Instant::now() + Duration::from_secs(seconds);

    let watch = Watch::start(program.pid(), end);
    let reloads = tokio::spawn(settings.turn_until(end));
    let fillings = tokio::spawn(disk.clone().fill_and_empty_until(end));
    let clients = Course::ALL.into_iter().flat_map(|course| vec![course; course.clients()]);
    let tasks: Vec<_> = clients
        .map(|course| tokio::spawn(clients::run(course, program.addr, books.clone(), end)))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (reloads, fillings) = (reloads.await.unwrap(), fillings.await.unwrap());
    report::fill_standard_error(&program, &books).await;
    let page = report::settled(&program).await;
    let samples = watch.finish().await;

    let summary = report::Summary { seconds, reloads, fillings, samples };
    println!("{}", summary.text(&books, &page));
    report::check_books(&books, &page);
    report::check_logs(&page, &log, &database);
    summary.check_flat();
    assert!(reloads > 0 && fillings > 0);
    assert!(program.stop().success(), "it stops cleanly, standard error unread or not");
    drop(unread);
}
