//! The nodes of a route, which refer to each other by name.

use std::time::Duration;

use crate::directives::Backoff;
use crate::settings::route::{Condition, Field};
use crate::util::macros::setters;

/// A node of a dynamic route. It refers to other nodes by name. Mistakes are reported when the
/// route is built.
///
/// ```
/// use tower_ai_gateway::settings::route::{Field, Node};
///
/// // Paid users get the big model, and one in ten of the others does.
/// let paid = Node::when(Field::identity_label("plan").equals("paid"), "big", "trial");
/// let trial = Node::split_by(Field::identity_subject(), [(10, "big")], "small");
/// # let _ = (paid, trial);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(transparent))]
pub struct Node(pub(super) Kind);

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "config",
    derive(serde::Deserialize),
    serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)
)]
pub(super) enum Kind {
    #[cfg_attr(feature = "config", serde(rename = "conditional"))]
    When {
        condition: Condition,
        #[cfg_attr(feature = "config", serde(rename = "true"))]
        then: Box<str>,
        #[cfg_attr(feature = "config", serde(rename = "false"))]
        otherwise: Box<str>,
    },
    #[cfg_attr(feature = "config", serde(rename = "percentage"))]
    Split(Split),
    Model(Model),
    #[cfg(feature = "limits")]
    #[cfg_attr(feature = "config", serde(rename = "rate_limit", alias = "budget"))]
    Limit(Limit),
    // With braces, so that serde refuses unknown keys here too.
    End {},
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Split {
    pub(super) key: Option<Field>,
    pub(super) shares: Vec<Share>,
    #[cfg_attr(feature = "config", serde(rename = "else"))]
    pub(super) otherwise: Box<str>,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Share {
    pub(super) percent: u8,
    pub(super) to: Box<str>,
}

/// The branch `then` is under a limit.
#[cfg(feature = "limits")]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Limit {
    pub(super) limit: Box<str>,
    pub(super) then: Box<str>,
    #[cfg_attr(feature = "config", serde(rename = "else"))]
    pub(super) otherwise: Box<str>,
}

impl Node {
    /// Goes to the node `then` while this [limit](crate::settings::limits) of the gateway has room.
    /// Goes to `otherwise` if it has none, or if everything that `then` leads to has failed. The
    /// limit then applies only to requests that go through `then`, and to no other request of the
    /// gateway.
    ///
    /// ```
    /// use tower_ai_gateway::settings::GatewaySettings;
    /// use tower_ai_gateway::settings::limits::{LimitRule, Period, Window};
    /// use tower_ai_gateway::settings::route::{DynamicRoute, Node};
    ///
    /// let route = DynamicRoute::builder("thrifty")
    ///     .start("budget")
    ///     .node("budget", Node::limit("big-model", "big", "small"))
    ///     .node("big", Node::model("grok", "grok-4"))
    ///     .node("small", Node::model("grok", "grok-3-mini"))
    ///     .build()?;
    /// let settings = GatewaySettings::builder()
    ///     .limit(LimitRule::usd("big-model", 20.0, Window::Fixed(Period::Day)))
    ///     .route(route)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "limits")]
    #[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
    #[must_use]
    pub fn limit(
        limit: impl Into<String>,
        then: impl Into<String>,
        otherwise: impl Into<String>,
    ) -> Self {
        let (limit, then, otherwise) =
            (limit.into().into(), then.into().into(), otherwise.into().into());
        Self(Kind::Limit(Limit { limit, then, otherwise }))
    }

    /// Goes to the node `then` if the condition holds, otherwise to `otherwise`.
    #[must_use]
    pub fn when(
        condition: Condition,
        then: impl Into<String>,
        otherwise: impl Into<String>,
    ) -> Self {
        let (then, otherwise) = (then.into().into(), otherwise.into().into());
        Self(Kind::When { condition, then, otherwise })
    }

    /// Splits requests at random. Each of one to five shares is a percentage and its node; the rest
    /// goes to `otherwise`.
    #[must_use]
    pub fn split(
        shares: impl IntoIterator<Item = (u8, impl Into<String>)>,
        otherwise: impl Into<String>,
    ) -> Self {
        let shares = shares.into_iter();
        let shares = shares.map(|(percent, to)| Share { percent, to: to.into().into() }).collect();
        Self(Kind::Split(Split { key: None, shares, otherwise: otherwise.into().into() }))
    }

    /// Splits requests by a field. The same value always goes to the same node, in every process,
    /// while the names of route and node and the shares stay the same. If the first share grows,
    /// its requests stay in it. Requests without the field are split at random.
    ///
    /// The field is the subject or a label of the [`Identity`](crate::Identity), which only the
    /// host sets, or an entry of the [`Metadata`](crate::context::Metadata). Unless the host sets
    /// or reserves that entry, the client chooses its value, and can try values until it gets the
    /// share that it wants. `1` and `"1"` are equal.
    #[must_use]
    pub fn split_by(
        field: Field,
        shares: impl IntoIterator<Item = (u8, impl Into<String>)>,
        otherwise: impl Into<String>,
    ) -> Self {
        let mut node = Self::split(shares, otherwise);
        if let Kind::Split(split) = &mut node.0 {
            split.key = Some(field);
        }
        node
    }

    /// Tries a model. The route ends with its answer unless the model fails. `provider` is a slug,
    /// `model` the provider's name of the model.
    pub fn model(provider: impl Into<String>, model: impl Into<String>) -> Model {
        Model {
            provider: provider.into().into(),
            model: model.into().into(),
            timeout: None,
            attempts: None,
            retry_delay: None,
            backoff: None,
            key_alias: None,
            fallback: None,
        }
    }

    /// Ends the route: no other model is tried. Where the branch `then` of a [limit](Self::limit) comes
    /// here before any model, its other branch is not taken either, so that a model can be withheld.
    #[must_use]
    pub fn end() -> Self {
        Self(Kind::End {})
    }

    /// The names of the nodes it leads to.
    pub(super) fn targets(&self) -> impl Iterator<Item = &str> {
        let (shares, others) = match &self.0 {
            Kind::When { then, otherwise, .. } => (&[][..], [Some(then), Some(otherwise)]),
            Kind::Split(split) => (&split.shares[..], [Some(&split.otherwise), None]),
            Kind::Model(model) => (&[][..], [model.fallback.as_ref(), None]),
            #[cfg(feature = "limits")]
            Kind::Limit(limit) => (&[][..], [Some(&limit.then), Some(&limit.otherwise)]),
            Kind::End {} => (&[][..], [None, None]),
        };
        shares.iter().map(|share| &*share.to).chain(others.into_iter().flatten().map(|to| &**to))
    }
}

/// A node that tries a model. Its settings override the gateway's, and the request's own override
/// both.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::settings::route::Node;
///
/// let model = Node::model("grok", "grok-4")
///     .timeout(Duration::from_secs(30))
///     .attempts(2)
///     .fallback("small");
/// # let _ = model;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(deny_unknown_fields))]
#[must_use = "a node does nothing until it is added to a route"]
pub struct Model {
    /// A slug or an alias.
    pub(crate) provider: Box<str>,
    pub(crate) model: Box<str>,
    #[cfg_attr(
        feature = "config",
        serde(rename = "timeout_ms", default, deserialize_with = "milliseconds")
    )]
    pub(crate) timeout: Option<Duration>,
    pub(crate) attempts: Option<u8>,
    #[cfg_attr(
        feature = "config",
        serde(rename = "retry_delay_ms", default, deserialize_with = "milliseconds")
    )]
    pub(crate) retry_delay: Option<Duration>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) key_alias: Option<Box<str>>,
    pub(crate) fallback: Option<Box<str>>,
}

#[cfg(feature = "config")]
fn milliseconds<'de, D: serde::Deserializer<'de>>(number: D) -> Result<Option<Duration>, D::Error> {
    let number: Option<u64> = serde::Deserialize::deserialize(number)?;
    Ok(number.map(Duration::from_millis))
}

setters! { impl Model {
    /// Timeout of the response head, per attempt: 1 ms to 1 hour.
    ///
    /// Default: the request's, or else the gateway's.
    pub fn timeout(self, timeout: Duration) => self.timeout = Some(timeout);

    /// The number of attempts, including the first: 1 to 5.
    ///
    /// Default: the request's, or else the gateway's.
    pub fn attempts(self, attempts: u8) => self.attempts = Some(attempts);

    /// The delay before the second attempt: at most 5 s.
    ///
    /// Default: the request's, or else the gateway's.
    pub fn retry_delay(self, delay: Duration) => self.retry_delay = Some(delay);

    /// How the delay grows between attempts.
    ///
    /// Default: the request's, or else the gateway's.
    pub fn backoff(self, backoff: Backoff) => self.backoff = Some(backoff);

    /// The provider's stored key to use.
    ///
    /// Default: the one that the request names, or else the default key.
    pub fn key_alias(self, alias: impl Into<String>) => self.key_alias = Some(alias.into().into());

    /// The node to go to if the model fails in all attempts.
    ///
    /// Default: the route ends with that failure.
    pub fn fallback(self, node: impl Into<String>) => self.fallback = Some(node.into().into());
}}

impl From<Model> for Node {
    fn from(model: Model) -> Self {
        Self(Kind::Model(model))
    }
}
