//! Guards: their input, their decisions and their failures.

mod bodies;
mod events;
mod example;
mod failures;
mod permits;
mod responses;
mod routes;
mod scene;
mod verdicts;
