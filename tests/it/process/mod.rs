//! The example gateway as a process with problems of standard error, files and limits.

mod files;
mod limits;
mod locks;
mod scene;
mod standard_error;
