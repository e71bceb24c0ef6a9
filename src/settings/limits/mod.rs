//! Rules that limit what the callers of a gateway may use: requests, tokens and money per time.
//!
//! Several rules hold at once: a request passes if each of them has room for it, and then counts in
//! all of them. Otherwise it counts in none, and is answered with 429 and the rule that makes it wait
//! longest.
//!
//! ```
//! use std::time::Duration;
//! use tower_ai_gateway::settings::GatewaySettings;
//! use tower_ai_gateway::settings::limits::{CountBy, LimitRule, Period, Window};
//!
//! let minute = Duration::from_secs(60);
//! let settings = GatewaySettings::builder()
//!     .limit(LimitRule::requests("per-key", 600, Window::Sliding(minute)).by(CountBy::Token))
//!     .limit(LimitRule::usd("per-team", 50.0, Window::Fixed(Period::Day)).by(CountBy::label("team")))
//!     .build()?;
//! # let _ = settings;
//! # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
//! ```
//!
//! # What is counted, and when
//!
//! **Requests** are those of the method POST that were sent to a provider, each once, however many
//! attempts and fallbacks it took. What the gateway refuses itself counts nothing, and neither does
//! what comes from a cache or finds no connection.
//!
//! **Tokens and money** are reserved before a request is sent, and settled when its response is over:
//!
//! - The input is estimated from the bytes of the body, by the ratio of tokens to bytes that was seen
//!   for the model (at first 1 to 4).
//! - The output is what the body's `max_tokens`, `max_completion_tokens` or `max_output_tokens` says,
//!   where that stands within what the gateway reads of a body; else what nine of ten answers of the
//!   model stayed below (at first 4,096 tokens). It is never more than the rule's
//!   [`most_output`](LimitRule::most_output).
//! - Where the provider tells its usage, that is what counts. A response that fails, or has a status of
//!   4xx or 5xx, counts no tokens. A stream that breaks off or is cancelled counts the estimated input and
//!   4 tokens for each event with content, up to the estimated output, but one for each in any case. Where
//!   nothing is known of an answer, or its head did not come in time, or the client left before it, the
//!   whole estimate counts.
//! - Requests of other methods than POST reserve nothing and are never refused, but usage that they
//!   tell for the first time (a deferred completion, a background response) counts.
//! - Batches are billed by their provider outside of what passes here, and count as requests only.
//!
//! # How far a rule can be overshot
//!
//! All that is under way holds what it reserved, so that of `n` concurrent requests those pass whose
//! estimates have room together. What they use beyond the limit is at most the sum of what each used
//! beyond its own estimate: nothing where `max_tokens` is set below `most_output` and the input is
//! estimated well. A request whose estimate is larger than the whole limit reserves the whole limit.
//! One that lasts longer than a lease of 15 minutes holds nothing after it, and counts when it ends.
//!
//! # Several processes
//!
//! Counters are named by the account and the gateway as the settings table has them (or
//! [`scope`](crate::settings::GatewaySettingsBuilder::scope)), and the rule's name, measure and window.
//! Settings that are replaced keep their counts, with another amount too. Settings without a place in a
//! table or a scope count for each build of them by itself.

mod check;
mod rule;
mod set;
mod window;

pub use self::rule::{
    CountBy, LimitRule, Measure, OnExceeded, OnStoreFailure, OnUnknownPrice, RuleFilter,
};
pub(crate) use self::set::Limits;
pub use self::window::{Period, Window};
