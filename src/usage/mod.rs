//! The usage and cost of exchanges: [`Usage`] and [`Cost`] in the [`EndEvent`](crate::EndEvent),
//! and the [`Prices`] that the host sets.
//!
//! Usage is read while the bytes are relayed. Each frame of a response body is scanned once; no
//! tree is built and no copy of the stream is kept. After the first content of a stream, only
//! events that a byte search finds relevant are parsed.
//!
//! The cost is the request's `cf-aig-custom-cost`, if the host [lets clients use
//! it](crate::settings::GatewaySettingsBuilder::client_controls), or else what the provider reports, or
//! else computed from the [`PriceTable`], which the host can change at run time through [`Prices`].
//! Without any of these, the cost is unknown. With the feature `prices`, tables are read from your own
//! TOML and from the catalogues of LiteLLM and genai-prices.
//!
//! A stream without its terminal marker is broken, and a failure under a status of 200 is a
//! [`ProviderError`]. Streams of chat completions report their usage only if asked to: see
//! [`ask_for_usage`](crate::GatewayLayerBuilder::ask_for_usage).

mod beside;
mod billing;
mod captured;
mod chunk;
mod cost;
mod count;
pub(crate) mod custom_cost;
mod decimal;
mod event;
mod fault;
mod figure;
mod format;
mod framing;
mod grounding;
mod head;
mod keys;
mod meter;
pub(crate) mod metering;
mod names;
mod needles;
mod parts;
mod place;
mod price;
mod problem;
mod repeats;
mod reported;
mod scan;
mod seen;
mod shape;
mod sse;
mod table;
mod terminal;
mod tokens;

pub(crate) use self::billing::{Billing, Call, billing};
pub(crate) use self::chunk::is_usage_chunk;
pub(crate) use self::cost::cost;
pub use self::cost::{Cost, CostSource};
#[doc(hidden)]
pub use self::format::Format;
#[cfg(any(test, fuzzing))]
pub(crate) use self::framing::frame;
pub(crate) use self::meter::Later;
#[doc(hidden)]
pub use self::meter::Meter;
pub use self::meter::ProviderError;
pub use self::price::{
    Change, Hours, ImagePrice, LongContext, OffPeak, Price, Rate, Regional, Tier, TierPrice,
    TokenPrice, ToolPrices,
};
#[doc(hidden)]
pub use self::problem::Problem;
pub(crate) use self::seen::SeenIds;
#[doc(hidden)]
pub use self::shape::Shape;
pub(crate) use self::sse::{Lines, Piece};
pub use self::table::{Date, MatchedBy, PriceMatch, PriceTable, Prices};
#[cfg(feature = "prices")]
pub use self::table::{PriceReport, PriceSource, PriceTableError};
pub(crate) use self::table::{Pricing, is_same_model};
pub use self::terminal::Terminal;
pub use self::tokens::{ToolCalls, Usage, UsagePart};
pub use crate::usage::metering::Metering;

#[cfg(test)]
mod tests;
