//! `[gateways.….cache]` without the feature `cache`: refused.

use serde::de::IgnoredAny;

use super::error::ConfigFileErrorKind as Kind;
use super::place::{Located as _, Mistake, Table};
use crate::settings::GatewaySettingsBuilder;

pub(super) type Raw = IgnoredAny;

#[expect(clippy::needless_pass_by_value, reason = "as with the feature")]
pub(super) fn add(
    cache: Table<Raw>,
    _: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, Mistake> {
    let message = "this program was built without the feature `cache`, which does it";
    Err(cache.refuse(Kind::UnknownKey, message))
}
