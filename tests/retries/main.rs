//! When a request is sent again, how often, and when it is not.
#![allow(clippy::unwrap_used)]

mod attempts;
mod budget;
mod classes;
mod contract;
mod first_event;
mod gateway;
mod scene;
#[path = "../scripted/mod.rs"]
mod scripted;
mod sockets;

#[path = "../support/mod.rs"]
mod support;
mod uploads;
