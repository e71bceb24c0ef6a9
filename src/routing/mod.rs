//! Routing by URL: which gateway and which provider or endpoint a request is for. Pure,
//! synchronous, and free of allocations.

mod gateway_path;
mod info;
pub(crate) mod model;
mod mount;
mod path_model;

use std::sync::Arc;

use http::{Method, Request, header};

pub(crate) use self::gateway_path::{GatewayPath, PathSpan};
pub use self::info::RouteInfo;
pub use self::mount::Mount;
use self::mount::Shape;

pub(crate) use self::path_model::{PathModels, Reach, model_in, read as read_path};
use crate::provider::{Providers, Upstream};
pub(crate) use crate::util::operation::is_call;
use crate::util::text::is_id;

/// A request on a gateway path.
#[derive(Debug)]
pub(crate) struct Route<'a> {
    pub(crate) place: GatewayPath,
    pub(crate) kind: RouteKind<'a>,
}

#[derive(Debug)]
pub(crate) enum RouteKind<'a> {
    /// Any method, to one provider's own API.
    Native {
        upstream: &'a Arc<Upstream>,
        rest: PathSpan,
    },
    /// `POST`, to the provider that the body's `model` names.
    Unified {
        endpoint: &'static str,
    },
    /// `GET`: the models of the gateway, or the one with this id. Answered here.
    Models {
        id: Option<PathSpan>,
    },
    /// `POST`, to the providers that the entries of the body name.
    Universal,
    Refused(RouteRefused),
}

/// Why a gateway path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteRefused {
    Id(&'static str),
    UnknownProvider(PathSpan),
    /// A resource or region of a provider that is not set up.
    UnknownSite(PathSpan),
    NoSuchEndpoint,
    PostOnly,
}

/// The endpoints that are routed by `model`.
const UNIFIED: [&str; 4] = ["chat/completions", "responses", "embeddings", "messages"];

/// The route of a request, or `None` if it is not for the gateway. `providers` is called only for
/// paths below a mount.
#[inline]
pub(crate) fn route<'a, B>(
    mounts: &[Mount],
    providers: impl Fn() -> &'a Providers,
    request: &Request<B>,
) -> Option<Route<'a>> {
    let (method, path) = (request.method(), request.uri().path());
    let route = mounts.iter().find_map(|mount| {
        let below = mount.strip(path)?;
        match mount.shape {
            Shape::Hosted => hosted(mount, providers(), method, path, below),
            Shape::Rest => rest(mount, method, path, below),
            Shape::Bare => {
                let (slug, rest) = split(below);
                let kind = provider(mount, providers(), method, path, slug, rest)?;
                Some(Route { place: GatewayPath::default(), kind })
            }
        }
    })?;
    // Preflights are left to the host's own CORS layer.
    let is_preflight = *method == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    (!is_preflight).then_some(route)
}

/// `{account_id}/{gateway_id}/{provider}/{rest}`, or the universal `{account_id}/{gateway_id}`.
fn hosted<'a>(
    mount: &Mount,
    providers: &'a Providers,
    method: &Method,
    path: &str,
    below: &str,
) -> Option<Route<'a>> {
    let (account, tail) = split(below);
    let (gateway, tail) = split(tail.unwrap_or_default());
    let (slug, rest) = split(tail.unwrap_or_default());
    let ends_at_gateway = slug.is_empty() && rest.is_none() && !gateway.is_empty();
    let kind = if ends_at_gateway && mount.universal {
        post_only(method, RouteKind::Universal)
    } else {
        provider(mount, providers, method, path, slug, rest)?
    };
    Some(with_ids(path, account, Some(gateway), kind))
}

/// `{account_id}/ai/v1/{endpoint}`
fn rest<'a>(mount: &Mount, method: &Method, path: &str, below: &str) -> Option<Route<'a>> {
    let (account, tail) = split(below);
    let endpoint = tail.and_then(|tail| tail.strip_prefix("ai/v1/"));
    let listing = endpoint.and_then(|endpoint| models(method, path, endpoint));
    let kind = match endpoint.and_then(unified) {
        _ if listing.is_some() => listing?,
        Some(endpoint) => post_only(method, RouteKind::Unified { endpoint }),
        None if mount.exclusive => RouteKind::Refused(RouteRefused::NoSuchEndpoint),
        None => return None,
    };
    let mut route = with_ids(path, account, None, kind);
    route.place.gateway_by_header = true;
    Some(route)
}

fn with_ids<'a>(
    path: &str,
    account: &str,
    gateway: Option<&str>,
    kind: RouteKind<'a>,
) -> Route<'a> {
    let refused = |what| Route {
        place: GatewayPath::default(),
        kind: RouteKind::Refused(RouteRefused::Id(what)),
    };
    if !is_id(account) {
        return refused("account id");
    }
    if gateway.is_some_and(|gateway| !is_id(gateway)) {
        return refused("gateway id");
    }
    let place = GatewayPath {
        account: Some(PathSpan::of(path, account)),
        gateway: gateway.map(|gateway| PathSpan::of(path, gateway)),
        gateway_by_header: false,
    };
    Route { place, kind }
}

/// Routes by the provider segment: a known slug or alias, `compat`, `custom-…`, or none of them.
fn provider<'a>(
    mount: &Mount,
    providers: &'a Providers,
    method: &Method,
    path: &str,
    slug: &str,
    rest: Option<&str>,
) -> Option<RouteKind<'a>> {
    if let Some(upstream) = providers.find(slug) {
        let rest = rest.unwrap_or_default().trim_start_matches('/');
        return Some(match providers.at_site(upstream, rest) {
            Ok((upstream, rest)) => RouteKind::Native { upstream, rest: PathSpan::of(path, rest) },
            Err(site) => RouteKind::Refused(RouteRefused::UnknownSite(PathSpan::of(path, site))),
        });
    }
    if slug == "compat" {
        let endpoint = rest.unwrap_or_default().trim_start_matches('/');
        // Anthropic's SDKs prepend `v1/` to their paths, whatever the base URL.
        let endpoint = endpoint.strip_prefix("v1/").unwrap_or(endpoint);
        if let Some(kind) = models(method, path, endpoint) {
            return Some(kind);
        }
        let endpoint = unified(endpoint);
        return Some(match endpoint {
            Some(endpoint) => post_only(method, RouteKind::Unified { endpoint }),
            None => RouteKind::Refused(RouteRefused::NoSuchEndpoint),
        });
    }
    if slug.starts_with("custom-") {
        return Some(RouteKind::Refused(RouteRefused::UnknownProvider(PathSpan::of(path, slug))));
    }
    mount.exclusive.then(|| {
        let is_named = !slug.is_empty();
        let unknown = || RouteRefused::UnknownProvider(PathSpan::of(path, slug));
        RouteKind::Refused(if is_named { unknown() } else { RouteRefused::NoSuchEndpoint })
    })
}

/// Matches `models` and `models/{id}`, if the method reads them.
fn models<'a>(method: &Method, path: &str, endpoint: &str) -> Option<RouteKind<'a>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let id = match endpoint.strip_prefix("models")? {
        "" | "/" => None,
        id => Some(PathSpan::of(path, id.strip_prefix('/')?)),
    };
    Some(RouteKind::Models { id })
}

fn post_only<'a>(method: &Method, kind: RouteKind<'a>) -> RouteKind<'a> {
    if *method == Method::POST { kind } else { RouteKind::Refused(RouteRefused::PostOnly) }
}

/// The endpoint of a provider's path, if it is one of the four that providers have in common.
pub(crate) fn endpoint(rest: &str) -> Option<&'static str> {
    unified(rest.strip_prefix("v1/").unwrap_or(rest))
}

fn unified(endpoint: &str) -> Option<&'static str> {
    UNIFIED.into_iter().find(|known| *known == endpoint)
}

/// The first segment, and what follows its slash if it has one.
fn split(path: &str) -> (&str, Option<&str>) {
    match path.bytes().position(|byte| byte == b'/') {
        Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
        None => (path, None),
    }
}

/// The name of a provider in a path below a mount, known or not, and what follows it.
pub(crate) fn call_below<'p>(mount: &Mount, path: &'p str) -> Option<(&'p str, &'p str)> {
    let mut below = mount.strip(path)?;
    let ids = match mount.shape {
        Shape::Hosted => 2,
        Shape::Bare => 0,
        Shape::Rest => return None,
    };
    for _ in 0..ids {
        let (id, behind) = split(below);
        below = behind.filter(|_| is_id(id))?;
    }
    let (provider, rest) = split(below.trim_start_matches('/'));
    let rest = rest?.trim_start_matches('/');
    (!rest.is_empty()).then_some((provider, rest))
}

#[cfg(test)]
mod tests;
