//! Tests of the Redis stores with real servers. A separate program, because its deadlines are
//! milliseconds.

#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../it/support/authority.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the program `it`")]
mod authority;
mod cache;
#[path = "../it/support/cache_seed.rs"]
#[allow(unreachable_pub, reason = "shared with the program `it`")]
mod cache_seed;
mod cluster;
#[path = "../it/support/every_thread.rs"]
mod every_thread;
mod gateway;
mod limits;
#[path = "../it/support/older.rs"]
#[allow(unreachable_pub, reason = "shared with the program `it`")]
mod older;
#[path = "../it/support/polling.rs"]
mod polling;
#[allow(dead_code, unreachable_pub, reason = "shared with the program `it`")]
#[path = "../it/support/program.rs"]
mod program;
mod server;
mod twice;
#[allow(dead_code, unreachable_pub, reason = "shared with the program `it`")]
#[path = "../it/support/written.rs"]
mod written;
