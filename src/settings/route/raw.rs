//! Routes as settings files write them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::condition::{Operator, Subject, Test};
use super::error::{RouteError, RouteErrorKind};
use super::{Condition, DynamicRoute, Node};
use crate::directives::Backoff;
use crate::directives::metadata::MetadataValue;

/// One of `[[routes]]`. What it says is checked by [`build`](Self::build).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRoute {
    name: String,
    version: Option<String>,
    start: Option<String>,
    #[serde(default)]
    nodes: BTreeMap<String, RawNode>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum RawNode {
    Conditional {
        condition: RawCondition,
        #[serde(rename = "true")]
        then: String,
        #[serde(rename = "false")]
        otherwise: String,
    },
    Percentage {
        key: Option<String>,
        shares: Vec<RawShare>,
        #[serde(rename = "else")]
        otherwise: String,
    },
    Model {
        provider: String,
        model: String,
        timeout_ms: Option<u64>,
        attempts: Option<u8>,
        retry_delay_ms: Option<u64>,
        backoff: Option<RawBackoff>,
        key_alias: Option<String>,
        fallback: Option<String>,
    },
    End {},
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawShare {
    percent: u8,
    to: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawBackoff {
    Constant,
    Linear,
    Exponential,
}

/// Several members mean that all must hold.
#[derive(Clone, Debug, Deserialize)]
struct RawCondition {
    all: Option<Vec<RawCondition>>,
    any: Option<Vec<RawCondition>>,
    not: Option<Box<RawCondition>>,
    /// Which fields there are is checked later.
    #[serde(flatten)]
    fields: BTreeMap<String, RawTest>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTest {
    eq: Option<MetadataValue>,
    ne: Option<MetadataValue>,
    r#in: Option<Vec<MetadataValue>>,
    exists: Option<bool>,
    lt: Option<f64>,
    lte: Option<f64>,
    gt: Option<f64>,
    gte: Option<f64>,
    starts_with: Option<String>,
}

impl RawRoute {
    pub(crate) fn build(self) -> Result<DynamicRoute, RouteError> {
        let mut builder = DynamicRoute::builder(self.name.as_str());
        if let Some(version) = self.version {
            builder = builder.version(version);
        }
        if let Some(start) = self.start {
            builder = builder.start(start);
        }
        for (name, node) in self.nodes {
            let refuse = |kind| RouteError::of_node(&self.name, &name, kind);
            let node = node.into_node().map_err(refuse)?;
            builder = builder.node(name, node);
        }
        builder.build()
    }
}

impl RawNode {
    fn into_node(self) -> Result<Node, RouteErrorKind> {
        Ok(match self {
            Self::Conditional { condition, then, otherwise } => {
                Node::when(condition.into()).then(then).otherwise(otherwise)
            }
            Self::Percentage { key, shares, otherwise } => {
                let mut split = Node::split();
                split.key = key.map(|key| Subject::parse(&key));
                let shares = shares.into_iter();
                shares
                    .fold(split, |split, share| split.share(share.percent, share.to))
                    .otherwise(otherwise)
            }
            Self::Model {
                provider,
                model,
                timeout_ms,
                attempts,
                retry_delay_ms,
                backoff,
                key_alias,
                fallback,
            } => {
                let mut node = Node::model(provider, model);
                node.timeout = timeout_ms.map(Duration::from_millis);
                node.attempts = attempts;
                node.retry_delay = retry_delay_ms.map(Duration::from_millis);
                node.backoff = backoff.map(Backoff::from);
                node.key_alias = key_alias;
                node.fallback = fallback;
                node.into()
            }
            Self::End {} => Node::end(),
        })
    }
}

impl From<RawBackoff> for Backoff {
    fn from(backoff: RawBackoff) -> Self {
        match backoff {
            RawBackoff::Constant => Self::Constant,
            RawBackoff::Linear => Self::Linear,
            RawBackoff::Exponential => Self::Exponential,
        }
    }
}

impl From<RawCondition> for Condition {
    fn from(raw: RawCondition) -> Self {
        let many = |raw: Vec<RawCondition>| raw.into_iter().map(Self::from);
        let mut parts: Vec<Self> = Vec::new();
        parts.extend(raw.all.map(|raw| Self::all(many(raw))));
        parts.extend(raw.any.map(|raw| Self::any(many(raw))));
        parts.extend(raw.not.map(|raw| Self::not((*raw).into())));
        let fields = raw.fields.into_iter();
        parts.extend(
            fields.map(|(field, test)| {
                Self(Test::Field(Subject::parse(&field), test.into_operators()))
            }),
        );
        match parts.pop() {
            Some(only) if parts.is_empty() => only,
            Some(last) => Self::all(parts.into_iter().chain([last])),
            None => Self::all([]),
        }
    }
}

impl RawTest {
    fn into_operators(self) -> Vec<Operator> {
        let operators = [
            self.eq.map(Operator::Equals),
            self.ne.map(Operator::NotEquals),
            self.r#in.map(Operator::OneOf),
            self.exists.map(Operator::Exists),
            self.lt.map(Operator::Less),
            self.lte.map(Operator::LessOrEqual),
            self.gt.map(Operator::Greater),
            self.gte.map(Operator::GreaterOrEqual),
            self.starts_with.map(|prefix| Operator::StartsWith(prefix.into())),
        ];
        operators.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests;
