//! Fallbacks: which steps are tried, and what they get of the client's request.

mod alone;
mod answers;
mod chains;
mod dynamic;
mod first_event;
mod first_event_shapes;
mod first_event_sockets;
mod fixed;
mod models;
mod narrowing;
mod same_head;
mod scene;
mod silent;
mod sockets;
mod universal;
mod zdr;
