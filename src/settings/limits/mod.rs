//! Rules that limit what callers of a gateway may use per time: requests, tokens or money.
//!
//! A request passes if every rule has room for it, and then counts in all of them. Otherwise it
//! counts in none, and is answered with 429 and the rule that requires the longest wait.
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
//! **Requests** are those sent to a provider with a method that can run a model: all but GET, HEAD, OPTIONS
//! and DELETE. Each counts once, whatever the number of
//! attempts and fallbacks. Requests that the gateway refuses, answers from a cache or finds no
//! connection for do not count.
//!
//! **Tokens and money** are reserved before a request is sent and settled when its response is
//! over:
//!
//! - The input is estimated from the size of the body, by the ratio of tokens to bytes seen for the
//!   model (initially 1 to 4).
//! - The output is the body's `max_tokens`, `max_completion_tokens` or `max_output_tokens`, if that
//!   is within the part of the body that the gateway reads; otherwise the 90th percentile of the
//!   model's answers (initially 4,096 tokens). It is at most the rule's
//!   [`max_output`](LimitRule::max_output).
//! - If the provider reports usage, that usage counts; a part that it does not tell counts as estimated, or
//!   as the rest of the total. If its price is unknown, although that of the request was known (another tier
//!   or model, tools), the estimated cost counts, or that of the reported tokens at the price of the request
//!   if it is more. A response that fails, or has a 4xx or 5xx
//!   status, counts no tokens, nor does a call whose connection breaks before its response.
//! - A stream that breaks off or is cancelled counts the estimated input, and output by its events
//!   with content: for each as many tokens as in whole streams of the model, at least 4, and the
//!   reasoning that such streams hide. That is at most the estimated output, but at least one token
//!   per event. Until a whole stream of the model has reported usage, the whole estimate counts.
//! - If nothing is known of the response, its head timed out, the client left before it, or it was no
//!   stream and broke off, the whole estimate counts.
//! - An unknown POST counts like a chat, unless its path is about stored things (files, vector stores,
//!   fine-tuning and the like). Of media, an image reserves the price of one, and speech that of its body's
//!   bytes as characters; others reserve nothing.
//! - A call whose head timed out counts its estimate beside the retries and fallbacks that follow it.
//! - A deferred response counts its estimate when it is ordered: a background response, an
//!   interaction in progress, a deferred completion, an asynchronous one. When it is first fetched
//!   through this process, its usage replaces the estimate in the counters of the caller that
//!   ordered it, if its id is known (Responses and Interactions). Otherwise the estimate stays. The
//!   fetch counts nothing.
//! - GET, HEAD, OPTIONS and DELETE reserve nothing and are never refused. A video counts the usage
//!   reported at its first fetch, for the caller of the fetch.
//! - Batches are billed by the provider later, and count as one request each, for whatever models.
//!
//! # How far a rule can be overshot
//!
//! Every running request holds its reservation, so concurrent requests pass only while the sum of
//! their estimates has room. Together they can exceed the limit by at most the sum of what each
//! used beyond its own estimate: by nothing if `max_tokens` is below `max_output`, the input is
//! estimated well, and one answer is asked for (`n` is not read: each answer beyond the first comes
//! on top). A fallback or an entry that is larger than those before it reserves the difference
//! before it is sent, plus the estimates of earlier calls that timed out; retries reserve nothing
//! more. A request whose estimate exceeds the whole limit reserves the whole limit.
//!
//! In Redis a reservation is a lease of 15 minutes: a longer request holds nothing after that, and
//! counts when it ends. In memory it is held until the request ends. A bucket does not refill what
//! is held: that begins when the request ends, with its usage.
//!
//! # Several processes
//!
//! A counter is named by the account and gateway as in the settings table (or by
//! [`scope`](crate::settings::GatewaySettingsBuilder::scope)) and by the rule's name, measure and
//! window. So replaced settings keep their counts, even with another amount. Settings that have
//! neither a place in a table nor a scope count separately for each build.

mod check;
mod count_by;
mod measure;
mod rule;
mod set;
mod window;

pub use self::count_by::CountBy;
pub use self::measure::Measure;
pub use self::rule::{LimitRule, OnExceeded, OnStoreFailure, OnUnknownPrice, RuleFilter};
pub(crate) use self::set::Limits;
pub use self::window::{Period, Window};
