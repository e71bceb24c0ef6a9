//! `[[gateways.….limit]]` without the feature `limits`: refused.

use serde::de::IgnoredAny;

use super::error::ConfigFileErrorKind as Kind;
use super::names::Names;
use super::place::{Located as _, Mistake, Table};
use crate::settings::GatewaySettingsBuilder;

pub(super) type Rule = IgnoredAny;

#[expect(clippy::needless_pass_by_value, reason = "as with the feature")]
pub(super) fn add(
    rules: Vec<Table<Rule>>,
    _: &Names<'_>,
    builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, Mistake> {
    let message =
        "`[[gateways.….limit]]` needs the feature `limits`, and this program was built without it";
    let refuse = |rule: &Table<Rule>| rule.refuse(Kind::UnknownKey, message);
    rules.first().map_or(Ok(builder), |rule| Err(refuse(rule)))
}
