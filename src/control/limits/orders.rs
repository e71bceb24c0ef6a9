//! Orders: answers that are made later, until they are fetched.

use std::time::Duration;

use tokio::time::Instant;

use super::spent::{Counted, reported};
use super::store::Settlement;
use crate::usage::{Cost, Usage};
use crate::util::recent::Recent;

/// The maximum number of known orders.
const ORDERS: usize = 4096;
/// How long an order is known.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The last orders, each for a limited time. A forgotten one counts as it was estimated.
#[derive(Debug)]
pub(super) struct Orders(Recent<Order>);

impl Default for Orders {
    fn default() -> Self {
        Self(Recent::new(ORDERS, LIFETIME))
    }
}

impl Orders {
    pub(super) fn add(&self, number: u64, order: Order) {
        self.0.insert(number, order, Instant::now().into_std());
    }

    /// The order of a fetched answer; each is returned once.
    pub(super) fn take(&self, number: u64) -> Option<Order> {
        self.0.take(number, Instant::now().into_std())
    }
}

/// An ordered answer, and the estimates that count for it.
#[derive(Debug)]
pub(super) struct Order {
    scope: u64,
    provider: Box<str>,
    model: Box<str>,
    pub(super) request_bytes: u64,
    counted: Vec<Counted>,
}

impl Order {
    /// `model`: its scope, its provider and its name.
    pub(super) fn new(
        (scope, provider, model): (u64, &str, &str),
        request_bytes: u64,
        counted: Vec<Counted>,
    ) -> Self {
        Self { scope, provider: provider.into(), model: model.into(), request_bytes, counted }
    }

    /// The key of its model in the estimates.
    pub(super) fn model(&self) -> (u64, &str, &str) {
        (self.scope, &self.provider, &self.model)
    }

    /// The settlements that replace the estimates by the usage.
    pub(super) fn settlements(
        &self,
        usage: &Usage,
        cost: Option<Cost>,
    ) -> impl Iterator<Item = (&Counted, Settlement)> {
        self.counted.iter().filter_map(move |counted| {
            // If the price is unknown, the estimate stays.
            let used = reported(counted.measure, usage, cost, counted.expected)?;
            let claim = counted.claim;
            let spent = claim.amount.saturating_sub(counted.answer).saturating_add(used);
            let settlement = Settlement { claim, at: counted.at, spent };
            (spent != claim.amount).then_some((counted, settlement))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order::new((0, "grok", ""), 0, Vec::new())
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_taken_once_and_kept_for_a_day() {
        let orders = Orders::default();
        orders.add(1, order());
        assert!(orders.take(1).is_some() && orders.take(1).is_none());
        orders.add(2, order());
        tokio::time::advance(LIFETIME).await;
        assert!(orders.take(2).is_none());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let orders = Orders::default();
        for number in 0..=ORDERS as u64 {
            orders.add(number, order());
        }
        assert!(orders.take(0).is_none() && orders.take(1).is_some());
    }
}
