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
    /// After the base URL, without a query.
    pub(crate) path: Cow<'static, str>,
    /// The path in its plain spelling, if that is another.
    pub(crate) plain_path: Option<Box<str>>,
    pub(crate) operation: Operation,
    /// The model to request; `None` for the body's.
    pub(crate) model: Option<Box<str>>,
    pub(crate) key: StepKey,
    /// Settings of this step, which override those of the exchange.
    pub(crate) directives: Option<Box<Directives>>,
    /// The head timeout of the host's dynamic route.
    pub(crate) route_timeout: Option<Duration>,
    /// A complete request of its own, not a variation of the client's.
    pub(crate) entry: Option<Box<StepRequest>>,
    /// The gateway's limits on the path of the dynamic route to this step.
    pub(crate) limits: Vec<Box<str>>,
}

/// The key of a step whose provider is not the one of the client's key.
#[derive(Debug)]
pub(crate) enum StepKey {
    /// The stored key with this alias, or else with the exchange's.
    Stored(Option<Box<str>>),
    Given(Secret),
}

impl StepKey {
    /// The stored key, if the step names one.
    pub(crate) fn alias(&self) -> Option<&str> {
        match self {
            Self::Stored(alias) => alias.as_deref(),
            Self::Given(_) => None,
        }
    }
}

/// The complete request of a step, as its provider gets it.
pub(crate) struct StepRequest {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) stream: bool,
    /// The entries' share of the memory budget; the first entry holds it for all.
    pub(crate) share: Option<Held>,
}

// A query may hold a key, and a body private text.
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
            plain_path: None,
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
        let (operation, plain_path) = Operation::read(&path);
        Self {
            upstream,
            way: ApiKind::Native,
            operation,
            path: Cow::Owned(path),
            plain_path,
            model,
            key: StepKey::Stored(None),
            directives: None,
            route_timeout: None,
            entry: None,
            limits: Vec::new(),
        }
    }
}
