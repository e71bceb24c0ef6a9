//! The usage of exchanges and their sum.

use std::ops::AddAssign;

/// Usage and cost.
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
