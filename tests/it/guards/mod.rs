//! Guards: what they see, what they decide, and what becomes of what goes wrong.

mod bodies;
mod events;
mod example;
mod failures;
mod permits;
mod responses;
mod routes;
mod scene;
mod verdicts;
