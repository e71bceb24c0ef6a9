//! Retries: when, how often, and when not.

mod attempts;
mod budget;
mod callers;
mod classes;
mod contract;
mod first_event;
mod gateway;
mod scene;
mod sockets;
mod unmade;
mod uploads;
