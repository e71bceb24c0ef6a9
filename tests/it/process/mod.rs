//! The example gateway as a process whose standard error, files and limits are not what it likes.

mod files;
mod limits;
mod locks;
mod scene;
mod standard_error;
