//! What each provider gets: where requests lead, what is fixed in them, and which model they ask for.

mod fixed;
mod models;
mod paths;
mod scene;
mod sockets;
