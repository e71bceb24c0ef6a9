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
    let message =
        "`[gateways.….cache]` needs the feature `cache`, and this program was built without it";
    Err(cache.refuse(Kind::UnknownKey, message))
}
