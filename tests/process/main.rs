//! The example gateway as a process whose standard error, files and limits are not what it likes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod files;
mod limits;
mod locks;
#[path = "../program/mod.rs"]
mod program;
mod scene;
mod standard_error;
