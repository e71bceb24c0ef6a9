//! The log in SQLite, from exchanges over real sockets to questions over real sockets.
#![allow(clippy::unwrap_used)]

mod exchanges;
mod feedback;
mod file;
mod identities;
mod log;
mod queries;
mod recovery;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod sums;
#[path = "../support/mod.rs"]
mod support;
mod units;
