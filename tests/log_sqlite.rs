//! The log in SQLite, from exchanges over real sockets to questions over real sockets.
#![allow(clippy::unwrap_used)]

#[path = "log_sqlite/exchanges.rs"]
mod exchanges;
#[path = "log_sqlite/feedback.rs"]
mod feedback;
#[path = "log_sqlite/file.rs"]
mod file;
#[path = "log_sqlite/log.rs"]
mod log;
#[path = "log_sqlite/queries.rs"]
mod queries;
#[path = "log_sqlite/sums.rs"]
mod sums;
mod support;
