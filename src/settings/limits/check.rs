//! Checks limit rules.

use std::fmt;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{LimitRule, Limits, Window};
use crate::util::text::is_id;

/// The most rules of a gateway.
const MOST_RULES: usize = 64;
/// A store that counts in floating point is exact up to 2^53.
const MOST: u64 = 1 << 53;
const MOST_OUTPUT: u64 = 10_000_000;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// A mistake in a limit rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LimitError(&'static str);

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Limits {
    /// Checks a rule and adds it.
    pub(crate) fn add(&mut self, mut rule: LimitRule) -> Result<(), LimitError> {
        rule.check().map_err(LimitError)?;
        if self.find(&rule.name).is_some() {
            return Err(LimitError("another rule has the same name"));
        }
        if self.rules.len() == MOST_RULES {
            return Err(LimitError("a gateway has at most 64 rules"));
        }
        rule.digest = rule.digest();
        self.rules.push(rule);
        self.find_needs();
        Ok(())
    }
}

impl LimitRule {
    fn check(&self) -> Result<(), &'static str> {
        let is_window = |time: Duration| (SHORTEST..=LONGEST).contains(&time);
        let (has_window, has_burst) = match self.window {
            Window::Fixed(_) => (true, true),
            Window::Sliding(time) => (is_window(time), true),
            Window::Bucket { per, burst } => (is_window(per), (1..=MOST).contains(&burst)),
        };
        if !is_id(&self.name) {
            Err("its name must be 1 to 64 of A-Z a-z 0-9 - _ .")
        } else if !(1..=MOST).contains(&self.amount) {
            Err("its amount must be from 1 to 2^53; for money, from one tick to 900,000 USD")
        } else if !has_window {
            Err("its window must be from 1 second to 31 days")
        } else if !has_burst {
            Err("its burst must be from 1 to 2^53")
        } else if !(1..=MOST_OUTPUT).contains(&self.max_output) {
            Err("its most output must be from 1 to 10,000,000 tokens")
        } else if self.only.has_bad_model {
            Err("a pattern of model names must have 1 to 256 bytes")
        } else {
            Ok(())
        }
    }

    /// Stays the same in every process for rules of the same name, measure and window.
    fn digest(&self) -> [u8; 16] {
        let window = match self.window {
            Window::Fixed(period) => format!("fixed {period:?}"),
            Window::Sliding(time) => format!("sliding {}", time.as_nanos()),
            Window::Bucket { per, .. } => format!("bucket {}", per.as_nanos()),
        };
        let text = format!("limit 1\0{}\0{}\0{window}", self.name, self.measure.as_str());
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        half
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::limits::{CountBy, Period};

    const MINUTE: Window = Window::Fixed(Period::Minute);

    fn mistake(rules: impl IntoIterator<Item = LimitRule>) -> Option<&'static str> {
        let mut limits = Limits::default();
        rules.into_iter().find_map(|rule| limits.add(rule).err()).map(|LimitError(text)| text)
    }

    #[test]
    fn every_mistake_in_a_rule_is_found() {
        let rule = || LimitRule::requests("r", 1, MINUTE);
        let named = |name: &str| LimitRule::requests(name, 1, MINUTE);
        assert_eq!(mistake([rule()]), None);
        for (bad, words) in [
            (named(""), "name"),
            (named("a b"), "name"),
            (named(&"x".repeat(65)), "name"),
            (LimitRule::requests("r", 0, MINUTE), "amount"),
            (LimitRule::tokens("r", MOST + 1, MINUTE), "amount"),
            (LimitRule::usd("r", 0.0, MINUTE), "amount"),
            (LimitRule::usd("r", f64::NAN, MINUTE), "amount"),
            (LimitRule::usd("r", -1.0, MINUTE), "amount"),
            (LimitRule::usd("r", 1e300, MINUTE), "amount"),
            (LimitRule::requests("r", 1, Window::Sliding(Duration::from_millis(999))), "window"),
            (LimitRule::requests("r", 1, Window::Sliding(LONGEST + SHORTEST)), "window"),
            (LimitRule::requests("r", 1, Window::Bucket { per: SHORTEST, burst: 0 }), "burst"),
            (rule().max_output(0), "output"),
            (rule().only_models([""]), "pattern"),
        ] {
            let shown = format!("{bad:?}");
            assert!(mistake([bad]).is_some_and(|text| text.contains(words)), "{shown}: {words}");
        }
        assert!(mistake([rule(), rule()]).is_some_and(|text| text.contains("same name")));
        let many = |count: usize| mistake((0..count).map(|number| named(&number.to_string())));
        assert_eq!(many(64), None);
        assert!(many(65).is_some_and(|text| text.contains("64")));
        assert_eq!(LimitRule::usd("r", 1.5, MINUTE).amount(), 15_000_000_000);
    }

    #[test]
    fn counters_go_by_name_measure_and_window_alone() {
        let rule = |name: &str, amount, window| LimitRule::requests(name, amount, window).digest();
        let one = rule("r", 1, MINUTE);
        assert_eq!(one, rule("r", 2, MINUTE));
        assert_ne!(one, rule("s", 1, MINUTE));
        assert_ne!(one, rule("r", 1, Window::Fixed(Period::Hour)));
        assert_ne!(one, LimitRule::tokens("r", 1, MINUTE).digest());
        let by = LimitRule::requests("r", 1, MINUTE).by(CountBy::Subject).digest();
        assert_eq!(one, by, "by whom it counts is told apart by the value");
    }
}
