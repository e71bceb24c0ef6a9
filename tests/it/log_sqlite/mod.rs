//! The log in SQLite, from exchanges over real sockets to questions over real sockets.

mod exchanges;
mod feedback;
mod file;
mod identities;
mod log;
mod migration;
mod queries;
mod recovery;
mod sums;
mod units;
