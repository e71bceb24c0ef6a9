//! The log in SQLite: exchanges and queries over real sockets.

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
