//! An exact sum of charges, in fractions of a tick and rounded once.

use crate::usage::price::PARTS;

/// Amounts are in thousandths of a unit, because seconds come as milliseconds.
pub(super) const MILLI: u128 = 1000;

/// Amounts by the percentage that applies to them.
#[derive(Clone, Copy, Default)]
pub(super) struct Amounts {
    pub(super) tokens: u128,
    /// Tokens from the cache.
    pub(super) cached: u128,
    /// Amounts to which no percentage applies.
    pub(super) others: u128,
}

/// Amounts with a common divisor.
pub(super) struct Sum {
    amounts: Amounts,
    divisor: u128,
}

impl Sum {
    pub(super) fn new(amounts: Amounts) -> Self {
        let Amounts { tokens, cached, others } = amounts;
        let (tokens, cached) = (tokens.saturating_mul(MILLI), cached.saturating_mul(MILLI));
        let amounts = Amounts { tokens, cached, others };
        Self { amounts, divisor: MILLI * u128::from(PARTS) }
    }

    pub(super) fn percent(&mut self, tokens: u64, cached: u64) -> Option<()> {
        if (tokens, cached) == (100, 100) {
            return Some(());
        }
        if self.amounts.others > 0 {
            return None;
        }
        let Amounts { tokens: all, cached: from_cache, .. } = &mut self.amounts;
        *all = all.saturating_mul(tokens.into());
        *from_cache = from_cache.saturating_mul(cached.into());
        self.divisor = self.divisor.saturating_mul(100);
        Some(())
    }

    /// Rounds to the nearest tick, including `more` thousandths to which no percentage applies.
    pub(super) fn rounded(&self, more: u128) -> u128 {
        let scale = self.divisor / (MILLI * u128::from(PARTS));
        let Amounts { tokens, cached, others } = self.amounts;
        let all = tokens
            .saturating_add(cached)
            .saturating_add(others)
            .saturating_add(more.saturating_mul(scale))
            .saturating_add(self.divisor / 2);
        all / self.divisor
    }
}
