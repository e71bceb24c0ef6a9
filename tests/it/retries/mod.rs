//! When a request is sent again, how often, and when it is not.

mod attempts;
mod budget;
mod classes;
mod contract;
mod first_event;
mod gateway;
mod scene;
mod sockets;

mod uploads;
