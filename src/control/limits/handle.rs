//! What an operator can do with the limits of a layer.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::board::{SeenRule, fullest_first};
use super::naming::{self, Naming};
use super::overview::{LimitsOverview, RuleOverview};
use super::shared::Shared;
use super::store::{Counter, LimitStore as _, LimitStoreError, Standing};
use crate::settings::GatewaySettings;
use crate::settings::limits::Window;

/// How many counters the store is asked about for one overview.
const ASKED: usize = 64;

/// Shows the host's operator how the limits of a [`ControlLayer`](crate::control::ControlLayer)
/// stand, and resets counters. Clones belong to the same layer.
///
/// ```
/// use tower_ai_gateway::control::ControlLayer;
/// use tower_ai_gateway::settings::GatewaySettings;
/// use tower_ai_gateway::settings::limits::{CountBy, LimitRule, Period, Window};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let daily = LimitRule::usd("daily", 5.0, Window::Fixed(Period::Day)).by(CountBy::Subject);
/// let settings = GatewaySettings::builder().limit(daily).build()?;
/// let limits = ControlLayer::new().limits_handle();
/// for rule in limits.overview(10).await.rules {
///     println!("{} of {}: {:?}", rule.rule, rule.gateway, rule.top);
/// }
/// let ada = limits.counter(&settings, "daily", &["ada"])?;
/// assert_eq!(ada.reset().await?.used, 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LimitsHandle {
    shared: Arc<Shared>,
}

/// One counter of one rule.
#[derive(Clone)]
pub struct LimitCounter {
    shared: Arc<Shared>,
    counter: Counter,
    window: Window,
    limit: u64,
}

impl LimitsHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Waits until the store has counted the usage of all requests that have ended. Call it after the last
    /// request, before the process exits: settlements on their way to Redis are lost otherwise.
    ///
    /// # Errors
    ///
    /// If some of it is not counted within that time.
    pub async fn flush(&self, within: Duration) -> Result<(), LimitStoreError> {
        self.shared.store().settled(within).await
    }

    /// Shows how the limits stand: every rule under which this process has seen requests, each with
    /// its `top` fullest counters. Of each rule the process knows up to 1,024 counters, those used
    /// last.
    ///
    /// The store is asked about the first 64 counters. The others are shown as they stood at their
    /// last request here, and so are all of them if the store does not answer.
    pub async fn overview(&self, top: usize) -> LimitsOverview {
        let mut rules = self.shared.board.look(top);
        self.ask(&mut rules).await;
        fullest_first(&mut rules);
        let sums = self.shared.board.sums();
        LimitsOverview {
            rules: rules.into_iter().map(RuleOverview::of).collect(),
            refused: sums.refused,
            would_refuse: sums.would_refuse,
            store_failures: sums.store_failures,
            evicted: self.shared.local.evicted(),
        }
    }

    async fn ask(&self, rules: &mut [SeenRule]) {
        let mut left = ASKED;
        for rule in rules {
            for seen in &mut rule.top {
                let Some(rest) = left.checked_sub(1) else { return };
                left = rest;
                let store = self.shared.store();
                let answer = store.standing(&seen.counter, rule.window, rule.limit).await;
                let Ok(standing) = answer else { return };
                self.shared.board.found(&seen.counter, &standing);
                seen.used = standing.used;
                seen.resets_after = standing.resets_after;
            }
            rule.top.sort_by_key(|seen| std::cmp::Reverse(seen.used));
        }
    }

    /// Finds a counter, whether or not this process has seen it.
    ///
    /// `settings`: of the gateway, as the table has them. `values`: the values that the rule counts by, in its
    /// order, as an [overview](super::CounterOverview::values) shows them; an empty one for requests that
    /// have none. For tokens and keys it may also be the whole SHA-256 in hexadecimal digits. Models are
    /// `provider/model`.
    ///
    /// # Errors
    ///
    /// If there is no such rule, or the values do not name exactly one counter.
    pub fn counter(
        &self,
        settings: &GatewaySettings,
        rule: &str,
        values: &[&str],
    ) -> Result<LimitCounter, UnknownCounter> {
        let rule = settings.limits.find(rule).ok_or(UnknownCounter::Rule)?;
        if values.len() != rule.by.len() {
            return Err(UnknownCounter::Values(rule.by.len()));
        }
        let seen = self.shared.board.find(settings.scope.to_be_bytes(), rule.digest, values);
        let counter = match seen[..] {
            [counter] => counter,
            [] => {
                let mut naming = Naming::new(settings.scope, rule);
                for (by, text) in rule.by.iter().zip(values) {
                    naming.add(by, &naming::value(by, text).ok_or(UnknownCounter::Digest)?);
                }
                naming.counter()
            }
            _ => return Err(UnknownCounter::Ambiguous),
        };
        let (window, limit) = (rule.window, rule.amount);
        Ok(LimitCounter { shared: self.shared.clone(), counter, window, limit })
    }
}

impl LimitCounter {
    /// Asks the store how the counter stands.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn standing(&self) -> Result<Standing, LimitStoreError> {
        let Self { shared, counter, window, limit } = self;
        let standing = shared.store().standing(counter, *window, *limit).await?;
        shared.board.found(counter, &standing);
        Ok(standing)
    }

    /// Sets the used amount to zero, and returns how the counter stands then. What requests under
    /// way have reserved stays, and their usage counts when they end. (If such a request is not
    /// sent after all, a rule that counts requests may count one too few.)
    ///
    /// # Errors
    ///
    /// If the store does not answer. The counter may have been reset nevertheless.
    pub async fn reset(&self) -> Result<Standing, LimitStoreError> {
        self.refund(None).await
    }

    /// Gives back `extra` of the used amount, in the measure's unit, and returns how the counter
    /// stands then. The used amount does not fall below zero. What requests under way have reserved
    /// stays.
    ///
    /// # Errors
    ///
    /// If the store does not answer. It may have given the amount back nevertheless.
    pub async fn raise(&self, extra: u64) -> Result<Standing, LimitStoreError> {
        self.refund(Some(extra)).await
    }

    async fn refund(&self, extra: Option<u64>) -> Result<Standing, LimitStoreError> {
        let Self { shared, counter, window, limit } = self;
        if shared.store.is_some() {
            // Requests count there while the store fails.
            shared.local.refund(counter, *window, *limit, extra).await?;
        }
        shared.store().refund(counter, *window, *limit, extra).await?;
        self.standing().await
    }
}

/// There is no such counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownCounter {
    /// The gateway has no rule of this name.
    Rule,
    /// The rule counts by so many values.
    Values(usize),
    /// Only the beginning of a digest was given, and none like it was seen here lately: give the
    /// whole one.
    Digest,
    /// Several counters are shown with these values.
    Ambiguous,
}

impl fmt::Display for UnknownCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule => f.write_str("the gateway has no limit of this name"),
            Self::Values(count) => write!(f, "the limit counts by {count} values: give as many"),
            Self::Digest => f.write_str(
                "no token or key that begins like this was seen: give its whole SHA-256",
            ),
            Self::Ambiguous => f.write_str("several counters look like this"),
        }
    }
}

impl Error for UnknownCounter {}

impl fmt::Debug for LimitsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitsHandle").finish_non_exhaustive()
    }
}

impl fmt::Debug for LimitCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitCounter").field("limit", &self.limit).finish_non_exhaustive()
    }
}
