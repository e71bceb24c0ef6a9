//! The target of one step of an exchange. The first step is the client's own, further ones are
//! fallbacks.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Uri};

use crate::credentials::secret::Secret;
use crate::directives::Directives;
use crate::provider::{ApiKind, Upstream};
use crate::util::budget::Held;
use crate::util::operation::Operation;

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) way: ApiKind,
    /// Behind the base URL, without a query.
    pub(crate) path: Cow<'static, str>,
    pub(crate) operation: Operation,
    /// The model that the provider is asked for; `None` for what the body names.
    pub(crate) model: Option<Box<str>>,
    pub(crate) key: StepKey,
    /// What holds for this step alone, before what holds for the exchange.
    pub(crate) directives: Option<Box<Directives>>,
    /// How long the provider has until its response head, by the host's dynamic route.
    pub(crate) route_timeout: Option<Duration>,
    /// A request of its own, and not a variation of the client's.
    pub(crate) entry: Option<Box<StepRequest>>,
    /// The limits of the gateway by which a dynamic route has led here.
    pub(crate) limits: Vec<Box<str>>,
}

/// Which key a step is sent with, where the client's is not for its provider.
#[derive(Debug)]
pub(crate) enum StepKey {
    /// The stored one of this alias, or else of the exchange's.
    Stored(Option<Box<str>>),
    Given(Secret),
}

impl StepKey {
    /// Which stored key it is, where the step says so.
    pub(crate) fn alias(&self) -> Option<&str> {
        match self {
            Self::Stored(alias) => alias.as_deref(),
            Self::Given(_) => None,
        }
    }
}

/// The whole request of a step, as its provider is to get it.
pub(crate) struct StepRequest {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) stream: bool,
    /// What the entries take of the budget; the first one has it for all.
    pub(crate) share: Option<Held>,
}

// A query may hold a key, and a body what nobody else is to read.
impl fmt::Debug for StepRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepRequest").field("path", &self.uri.path()).finish_non_exhaustive()
    }
}

impl Step {
    /// To an endpoint of a provider's OpenAI-compatible API, or of Messages.
    pub(crate) fn unified(
        upstream: Arc<Upstream>,
        endpoint: &'static str,
        model: Option<Box<str>>,
    ) -> Self {
        let operation = Operation::of(endpoint);
        Self {
            upstream,
            way: ApiKind::OpenAi(operation),
            path: Cow::Borrowed(endpoint),
            operation,
            model,
            key: StepKey::Stored(None),
            directives: None,
            route_timeout: None,
            entry: None,
            limits: Vec::new(),
        }
    }

    /// To a path of a provider's own API.
    pub(crate) fn native(upstream: Arc<Upstream>, path: String, model: Option<Box<str>>) -> Self {
        Self {
            upstream,
            way: ApiKind::Native,
            operation: Operation::of(&path),
            path: Cow::Owned(path),
            model,
            key: StepKey::Stored(None),
            directives: None,
            route_timeout: None,
            entry: None,
            limits: Vec::new(),
        }
    }
}
