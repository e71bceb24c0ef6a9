//! Collects the rows of a catalogue.

use std::collections::{BTreeMap, HashSet};

use super::super::{Date, PriceTable};
use super::{PriceReport, PriceSource};
use crate::usage::price::{LongContext, Price, Rate, Tier, TierPrice, TokenPrice};

/// A field of [`TokenPrice`].
pub(super) type Field = fn(&mut TokenPrice) -> &mut Option<Rate>;

/// Why a row was left out.
pub(super) type Reason = String;

/// The prices per token of one row, by tier and by minimum prompt length.
#[derive(Default)]
pub(super) struct Cells(Vec<(Option<String>, u64, TokenPrice)>);

impl Cells {
    pub(super) fn at(&mut self, tier: Option<&str>, from: u64) -> &mut TokenPrice {
        let is = |(of, start, _): &(Option<String>, u64, TokenPrice)| {
            of.as_deref() == tier && *start == from
        };
        let at = self.0.iter().position(is).unwrap_or_else(|| {
            self.0.push((tier.map(str::to_owned), from, TokenPrice::default()));
            self.0.len() - 1
        });
        &mut self.0[at].2
    }

    /// The bounds of a tier in ascending order.
    pub(super) fn bounds(&self, tier: Option<&str>) -> Vec<u64> {
        let own = self.0.iter().filter(|(of, _, _)| of.as_deref() == tier);
        let mut bounds: Vec<u64> = own.map(|(_, from, _)| *from).collect();
        bounds.sort_unstable();
        bounds
    }

    /// Adds the prices to `price`. A tier or bound has only the prices that are listed for it. A
    /// bound of the plain prices also bounds each tier, which has no price beyond it unless one is
    /// listed.
    pub(super) fn put_into(mut self, mut price: Price) -> Price {
        let tiers: Vec<_> = self.0.iter().filter_map(|(tier, _, _)| tier.clone()).collect();
        for from in self.bounds(None) {
            for tier in &tiers {
                self.at(Some(tier), from);
            }
        }
        self.0.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        for (tier, from, tokens) in self.0 {
            let Some(tier) = tier else {
                match from {
                    // The row may have only prices that are not per token.
                    0 => price.tokens = (tokens != TokenPrice::default()).then_some(tokens),
                    from => price = price.long_context(LongContext::new(from, tokens)),
                }
                continue;
            };
            let known = price.tiers.iter().position(|known| *known.name == *tier);
            let (plain, mut long) = match known.map(|at| price.tiers.remove(at).price) {
                Some(TierPrice::Own { tokens, long_context }) => (tokens, long_context),
                _ => (TokenPrice::default(), Vec::new()),
            };
            let plain = if from == 0 { tokens } else { plain };
            if from > 0 {
                long.push(LongContext::new(from, tokens));
            }
            price = price.tier(Tier::own(tier, plain, long));
        }
        price
    }
}

/// The collected rows and the reasons for skipped ones.
#[derive(Default)]
pub(super) struct Rows {
    taken: BTreeMap<String, Price>,
    contradicted: HashSet<String>,
    skipped: BTreeMap<Reason, (usize, String)>,
}

impl Rows {
    pub(super) fn add(&mut self, name: &str, price: Result<Price, Reason>) {
        let price = match price {
            Ok(price) => price,
            Err(reason) => return self.leave(name, reason),
        };
        if self.contradicted.contains(name) {
            return self.leave(name, "two prices for one name".to_owned());
        }
        match self.taken.get(name) {
            Some(known) if *known != price => {
                self.taken.remove(name);
                self.contradicted.insert(name.to_owned());
                self.leave(name, "two prices for one name".to_owned());
                self.leave(name, "two prices for one name".to_owned());
            }
            Some(_) => {}
            None => {
                self.taken.insert(name.to_owned(), price);
            }
        }
    }

    pub(super) fn leave(&mut self, name: &str, reason: Reason) {
        // Bound the number of reasons: a malicious file could have any number.
        let is_known = self.skipped.contains_key(&reason) || self.skipped.len() < 100;
        let reason = if is_known { reason } else { "other reasons".to_owned() };
        let shown = name.chars().filter(|char| !char.is_control()).take(80).collect();
        self.skipped.entry(reason).or_insert((0, shown)).0 += 1;
    }

    pub(super) fn end(self, source: PriceSource, as_of: Date) -> (PriceTable, PriceReport) {
        let report = PriceReport { source, imported: self.taken.len(), skipped: self.skipped };
        let rows = self.taken.into_iter().map(|(name, price)| (name.into(), price));
        (PriceTable::of_rows(as_of, rows), report)
    }
}

/// The decimal of a JSON number, or of a string that holds one; `None` for anything else.
pub(super) fn decimal(raw: &str) -> Option<&str> {
    let raw = raw.trim_matches('"');
    raw.starts_with(|char: char| char.is_ascii_digit()).then_some(raw)
}

/// A price in USD for `units`.
pub(super) fn rate(key: &str, raw: &str, units: u64) -> Result<Rate, Reason> {
    let rate = decimal(raw).and_then(|decimal| Rate::usd(decimal, units));
    rate.ok_or_else(|| format!("`{}` is no price", shown(key)))
}

/// A key in the form that a reason shows.
pub(super) fn shown(key: &str) -> String {
    key.chars().filter(|char| !char.is_control()).take(64).collect()
}
