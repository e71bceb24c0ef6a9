//! What an exchange has used, and what many have.

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
