//! The paths of the host's app where the gateway answers.

use std::borrow::Cow;

use crate::util::macros::setters;
use http::uri::PathAndQuery;

/// A path of the host's app below which the gateway answers.
///
/// By default a layer has [`Mount::hosted`] and [`Mount::rest`], the paths of the hosted gateway. A
/// path below a mount is for the gateway if it names a configured provider, `compat` or `custom-…`.
/// Everything else falls through to the host's app, unless the mount is
/// [exclusive](Mount::exclusive).
///
/// ```
/// use http::Request;
/// use tower_ai_gateway::{GatewayLayer, Mount, Provider};
///
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).mount(Mount::at("/ai")).build()?;
/// let route = gateway.route_of(&Request::post("/ai/grok/chat/completions").body(())?).unwrap();
/// assert_eq!(route.provider(), Some("grok"));
/// // The paths of the hosted gateway are not mounted now.
/// let hosted = Request::post("/v1/acct/gw/grok/chat/completions").body(())?;
/// assert!(gateway.route_of(&hosted).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mount {
    prefix: Cow<'static, str>,
    pub(crate) shape: Shape,
    pub(super) exclusive: bool,
    pub(super) universal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Hosted,
    Rest,
    Bare,
}

impl Mount {
    /// `/v1/{account_id}/{gateway_id}/{provider}/…` and `/v1/{account_id}/{gateway_id}/compat/…`.
    #[must_use]
    pub fn hosted() -> Self {
        Self::new(Cow::Borrowed("/v1"), Shape::Hosted)
    }

    /// `POST
    /// /client/v4/accounts/{account_id}/ai/v1/{chat/completions,responses,messages,embeddings}`.
    ///
    /// The header `cf-aig-gateway-id` names the gateway; the default is `default`.
    #[must_use]
    pub fn rest() -> Self {
        Self::new(Cow::Borrowed("/client/v4/accounts"), Shape::Rest)
    }

    /// `{prefix}/{provider}/…` and `{prefix}/compat/…`, for an app with one gateway and no ids.
    ///
    /// The prefix starts with a slash; an empty prefix puts the providers at the root.
    #[must_use]
    pub fn at(prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        Self::new(Cow::Owned(prefix.trim_end_matches('/').to_owned()), Shape::Bare)
    }

    fn new(prefix: Cow<'static, str>, shape: Shape) -> Self {
        Self { prefix, shape, exclusive: false, universal: false }
    }
}

setters! { impl Mount {
    /// Claims every path below the mount: an unknown provider is then an error of the gateway, and
    /// not passed to the host's app.
    pub fn exclusive(self) => self.exclusive = true;

    /// Enables the universal endpoint: `POST /v1/{account_id}/{gateway_id}`, with or without a
    /// trailing slash, takes a JSON array of entries that are tried in order.
    ///
    /// Off by default, because the host may have such a path, for example `/v1/users/42`. Only
    /// [`Mount::hosted`] has this endpoint; other mounts ignore it.
    pub fn universal(self) => self.universal = true;
}}

impl Mount {
    /// Returns true if the prefix is empty or a valid path without dot segments and query.
    pub(crate) fn is_sound(&self) -> bool {
        let is_path =
            || PathAndQuery::try_from(&*self.prefix).is_ok_and(|path| path.path() == self.prefix);
        self.prefix.is_empty()
            || (self.prefix.starts_with('/')
                && !self.prefix.contains('%')
                && is_path()
                && crate::provider::join::check(&self.prefix).is_ok())
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The paths below the mount, for logs.
    pub(crate) fn pattern(&self) -> String {
        let below = match self.shape {
            Shape::Hosted => "{account}/{gateway}/{provider}/…",
            Shape::Rest => "{account}/ai/v1/…",
            Shape::Bare => "{provider}/…",
        };
        format!("{}/{below}", self.prefix)
    }

    /// The part of a path below the mount.
    pub(crate) fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (prefix, rest) = path.split_at_checked(self.prefix.len())?;
        // Check the slash first: it is one byte, and few of an app's paths have it there.
        let below = rest.strip_prefix('/')?;
        (prefix == self.prefix).then_some(below)
    }
}
