//! Nodes as a host writes them: they name one another, and nothing is checked yet.

use std::time::Duration;

use super::condition::{Condition, Subject};
use crate::directives::Backoff;

/// One node of a dynamic route, which leads to others by their names.
#[derive(Clone, Debug, PartialEq)]
pub struct Node(pub(super) Kind);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    When { condition: Condition, then: String, otherwise: String },
    Split { key: Option<Subject>, shares: Vec<(u8, String)>, otherwise: String },
    Model(Model),
    End,
}

impl Node {
    /// Goes one way or the other.
    pub fn when(condition: Condition) -> When {
        When { condition }
    }

    /// Divides requests by percentages.
    pub fn split() -> Split {
        Split { key: None, shares: Vec::new() }
    }

    /// Tries a model; where it answers, the route has ended. `provider` is a slug, `model` the
    /// name by which the provider knows it.
    pub fn model(provider: impl Into<String>, model: impl Into<String>) -> Model {
        Model {
            provider: provider.into(),
            model: model.into(),
            timeout: None,
            attempts: None,
            retry_delay: None,
            backoff: None,
            key_alias: None,
            fallback: None,
        }
    }

    /// Ends the route: no further model is tried.
    #[must_use]
    pub fn end() -> Self {
        Self(Kind::End)
    }
}

/// A node that goes by a condition, without its ways yet.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "it is no node yet"]
pub struct When {
    condition: Condition,
}

impl When {
    /// Where to go when the condition holds.
    pub fn then(self, node: impl Into<String>) -> Then {
        Then { condition: self.condition, then: node.into() }
    }
}

/// A node that goes by a condition, without its second way yet.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "it is no node yet"]
pub struct Then {
    condition: Condition,
    then: String,
}

impl Then {
    /// Where to go when the condition does not hold.
    #[must_use]
    pub fn otherwise(self, node: impl Into<String>) -> Node {
        Node(Kind::When { condition: self.condition, then: self.then, otherwise: node.into() })
    }
}

/// A node that divides requests by percentages, without its rest yet.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "it is no node yet"]
pub struct Split {
    pub(super) key: Option<Subject>,
    shares: Vec<(u8, String)>,
}

impl Split {
    /// Requests of the same subject of the [`Identity`](crate::Identity) go the same way, always
    /// and everywhere, as long as the names of route and node and the shares stay as they are. A
    /// first share that grows keeps what it has. No client chooses its share, because the host
    /// sets the identity.
    ///
    /// A split has one key: the last of these methods counts. Default, and for requests without an
    /// identity: chance.
    pub fn by_identity_subject(mut self) -> Self {
        self.key = Some(Subject::Caller);
        self
    }

    /// Requests with the same value of this label of the [`Identity`](crate::Identity) go the same
    /// way, as for [`by_identity_subject`](Self::by_identity_subject): a whole team, for instance.
    /// The name is 1 to 64 of `A-Z a-z 0-9 _`.
    ///
    /// For requests without the label: chance.
    pub fn by_identity_label(mut self, name: impl Into<String>) -> Self {
        self.key = Some(Subject::CallerLabel(name.into().into()));
        self
    }

    /// Requests with the same value of this entry of the [`Metadata`](crate::Metadata) go the same
    /// way, as for [`by_identity_subject`](Self::by_identity_subject); `1` and `"1"` are the same.
    /// The client chooses the value, unless the host sets or reserves the entry: it can try values
    /// until it gets the share that it wants.
    ///
    /// For requests without the entry: chance.
    pub fn by_metadata(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Subject::Metadata(key.into().into()));
        self
    }

    /// Sends so many percent of the requests to a node; one to five times.
    pub fn share(mut self, percent: u8, node: impl Into<String>) -> Self {
        self.shares.push((percent, node.into()));
        self
    }

    /// Where the rest goes.
    #[must_use]
    pub fn otherwise(self, node: impl Into<String>) -> Node {
        Node(Kind::Split { key: self.key, shares: self.shares, otherwise: node.into() })
    }
}

/// A node that tries a model.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a node does nothing until it is added to a route"]
pub struct Model {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) timeout: Option<Duration>,
    pub(super) attempts: Option<u8>,
    pub(super) retry_delay: Option<Duration>,
    pub(super) backoff: Option<Backoff>,
    pub(super) key_alias: Option<String>,
    pub(super) fallback: Option<String>,
}

impl Model {
    /// The time until the response head, of each attempt: 1 ms to 1 hour.
    ///
    /// Default: what the request or the gateway says.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How often it is tried, the first time counted: 1 to 5.
    ///
    /// Default: what the request or the gateway says.
    pub fn attempts(mut self, attempts: u8) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// The delay before the second attempt: at most 5 s.
    ///
    /// Default: what the request or the gateway says.
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.retry_delay = Some(delay);
        self
    }

    /// How the delay grows from attempt to attempt.
    ///
    /// Default: what the request or the gateway says.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// Which stored key of the provider is used.
    ///
    /// Default: what the request says, or else the default one.
    pub fn key_alias(mut self, alias: impl Into<String>) -> Self {
        self.key_alias = Some(alias.into());
        self
    }

    /// Where to go when the model fails after all attempts.
    ///
    /// Default: the route ends with that failure.
    pub fn fallback(mut self, node: impl Into<String>) -> Self {
        self.fallback = Some(node.into());
        self
    }
}

impl From<Model> for Node {
    fn from(model: Model) -> Self {
        Self(Kind::Model(model))
    }
}
