//! Where a request names its provider, where it goes, and what happens to its body.

use std::sync::Arc;

use bytes::Bytes;
use http::Uri;

use crate::context::step::StepRequest;
use crate::json::scalars::BodyScalars;
use crate::provider::{ApiKind, Upstream};
use crate::routing::model::{Edit, RoutedModel};
use crate::util::budget::Held;

/// Where a request names its provider.
pub(crate) enum NamedBy<'a> {
    /// In the path of the provider's own API.
    Path(&'a Arc<Upstream>),
    /// Before the model in the body, for a unified endpoint.
    Model(RoutedModel, &'static str),
    /// In the dynamic route that the body names as its model.
    DynamicRoute(RoutedModel, &'static str, Option<&'a BodyScalars>),
    /// In the entries of a universal request. `Held` is the body's share of the budget.
    Entries(Bytes, Held),
}

/// Where a request goes.
pub(crate) enum Target<'c> {
    Provider {
        upstream: &'c Arc<Upstream>,
        way: ApiKind,
        uri: Uri,
    },
    /// To the provider of an entry, whose head is ready.
    Entry(&'c StepRequest),
}

/// What happens to the client's body.
pub(crate) enum BodyChange {
    None,
    Edited(Edit),
    Replaced(Bytes),
}
