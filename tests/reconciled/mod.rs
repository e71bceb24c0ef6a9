//! The parts of the reconciliation: what is planned, and who plays the provider and the clients.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod client;
pub mod plan;
pub mod provider;

use std::ops::AddAssign;

/// What was used and what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub exchanges: u64,
    pub input: u64,
    pub output: u64,
    pub ticks: u64,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.exchanges += other.exchanges;
        self.input += other.input;
        self.output += other.output;
        self.ticks += other.ticks;
    }
}
