//! Requests to each provider: paths, fixed parts and models.

mod fixed;
mod keys;
mod models;
mod paths;
mod scene;
mod sockets;
