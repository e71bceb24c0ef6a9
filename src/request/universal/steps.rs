//! Turns the entries of a universal request into steps.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Request, Uri};

use super::Entry;
use super::error::unfit_entry;
use crate::context::GatewayContext;
use crate::context::step::{Step, StepKey, StepRequest};
use crate::directives::Directives;
use crate::provider::headers;
use crate::provider::headers::HeaderScan;
use crate::provider::{ApiKind, Upstream};
use crate::rejection::Rejection;
use crate::request::access;
use crate::request::access::allow_provider;
use crate::request::allowance::Allowance;
use crate::request::attach_key;
use crate::request::attach_key::Recipient;
use crate::request::dynamic;
use crate::request::head;
use crate::request::stages::Shared;
use crate::response::messages;
use crate::routing;
use crate::routing::model;
use crate::util::budget::Held;
use crate::util::operation::Operation;

/// The provider of an entry whose model names it.
const UNIFIED: &str = "compat";

/// Placeholder for `host`, which each entry sets for itself.
static UNKNOWN_HOST: HeaderValue = HeaderValue::from_static("");

/// Sets the steps of a universal request by the entries of its body, and returns the first, which holds
/// `share`, the part of the budget of the body and of its copies.
pub(crate) fn first_entry<'c, B>(
    body: &Bytes,
    mut share: Held,
    request: &mut Request<B>,
    scan: &HeaderScan,
    context: &'c GatewayContext,
    shared: &Shared,
) -> Result<&'c StepRequest, Rejection> {
    let entries = super::parse(body, context.locks());
    let entries = entries.map_err(|error| unfit_entry(&error))?;
    take_room(&entries, &mut share)?;
    headers::strip_request(request.headers_mut(), scan, &UNKNOWN_HOST);
    let mut steps = steps(&entries, request, context, shared)?;
    if let Some(first) = steps.first_mut().and_then(|step| step.entry.as_mut()) {
        first.share = Some(share);
    }
    let mut steps = steps.into_iter();
    let first = steps.next().map(|step| context.set_first(step));
    let entry = first.and_then(|step| step.entry.as_deref());
    context.set_further(steps.collect());
    entry.ok_or_else(|| messages::unroutable_entry(0))
}

/// Checks all entries before the first is tried. `outer` is the client's request.
fn steps<B>(
    entries: &[Entry],
    outer: &Request<B>,
    context: &GatewayContext,
    shared: &Shared,
) -> Result<Vec<Step>, Rejection> {
    let nothing = Directives::default();
    let of_request = context.directives().unwrap_or(&nothing);
    let entries = entries.iter().enumerate();
    entries.map(|(index, entry)| step(index, entry, outer, of_request, context, shared)).collect()
}

fn step<B>(
    index: usize,
    entry: &Entry,
    outer: &Request<B>,
    of_request: &Directives,
    context: &GatewayContext,
    shared: &Shared,
) -> Result<Step, Rejection> {
    let providers = shared.providers_of(context);
    let target = match &*entry.provider {
        UNIFIED => unified(entry, context, shared),
        slug => {
            let upstream = providers.find(slug);
            let upstream = upstream.ok_or_else(|| messages::unknown_entry_provider(index, slug))?;
            let (upstream, path) = providers
                .at_site(upstream, entry.endpoint_path())
                .map_err(|site| messages::unknown_entry_site(index, site))?;
            native(entry, upstream.clone(), path)
        }
    };
    let target = target.ok_or_else(|| match names_route(entry) {
        true => messages::route_in_entry(index),
        false => messages::unroutable_entry(index),
    })?;
    let EntryTarget { upstream, way, path, mut uri, model, body } = target;
    let (operation, plain_path) = Operation::read(&path);
    let directives = entry.directives(of_request);
    let allowance = Allowance::of(context).at(&upstream).by(&directives);
    allow_provider(allowance, &upstream)?;
    let mut headers = entry_headers(entry, outer.headers(), &body);
    if allowance.restricts_models() {
        let model = model.as_deref();
        if upstream.decides_by_path(&path) {
            access::allow_path(allowance, &path, uri.query())?;
        } else {
            access::allow_entry(allowance, &path, uri.query(), &headers, &body, model)?;
        }
    }
    let model = access::sure_model(context, &headers, &body, model)?;
    let has_credentials = attach_key::remove_tokens_of_entry(&mut headers, context);
    let alias = directives.byok_alias.as_deref();
    let to = Recipient { upstream: &upstream, way, path: Some(&path), alias };
    head::complete(&mut uri, &mut headers, context, to, has_credentials)?;
    if outer.headers().contains_key(HOST) {
        headers.insert(HOST, upstream.host().clone());
    }
    if let Some(via) = &shared.via {
        via.append(&mut headers, outer.version());
    }
    let request = StepRequest { uri, headers, body, stream: entry.stream, share: None };
    Ok(Step {
        upstream,
        way,
        path: Cow::Owned(path),
        plain_path,
        operation,
        model: model.map(String::into_boxed_str),
        key: StepKey::Stored(None),
        directives: Some(Box::new(directives)),
        route_timeout: None,
        entry: Some(Box::new(request)),
        limits: Vec::new(),
    })
}

/// Takes room for the bodies that will be copied: those from which a provider is cut out.
fn take_room(entries: &[Entry], share: &mut Held) -> Result<(), Rejection> {
    let copied = entries.iter().filter(|entry| entry.provider == UNIFIED);
    let has_room = share.grow(copied.map(|entry| entry.query.len()).sum());
    if has_room { Ok(()) } else { Err(messages::no_memory()) }
}

/// Where an entry goes, and with which body.
struct EntryTarget {
    upstream: Arc<Upstream>,
    way: ApiKind,
    path: String,
    uri: Uri,
    model: Option<String>,
    body: Bytes,
}

/// `path` is that of the entry's endpoint, after the name of the provider's site.
fn native(entry: &Entry, upstream: Arc<Upstream>, path: &str) -> Option<EntryTarget> {
    let path = upstream.rewritten(path).unwrap_or_else(|| path.to_owned());
    Some(EntryTarget {
        uri: upstream.uri_by(ApiKind::Native, &path, entry.endpoint_query())?,
        upstream,
        way: ApiKind::Native,
        path,
        model: entry.model.clone(),
        body: entry.query.clone(),
    })
}

/// An entry for `compat`: the provider precedes the model and is cut out.
fn unified(entry: &Entry, context: &GatewayContext, shared: &Shared) -> Option<EntryTarget> {
    let endpoint = routing::endpoint(entry.endpoint_path())?;
    let mut routed = model::split(entry.written_model.as_ref()?)?;
    let upstream = shared.provider_for(context, &mut routed).ok()?.clone();
    let mut frames = VecDeque::from([entry.query.clone()]);
    model::splice(&mut frames, &routed.edit);
    let body = frames.make_contiguous().concat();
    let way = ApiKind::OpenAi(Operation::of(endpoint));
    Some(EntryTarget {
        uri: upstream.uri_by(way, endpoint, entry.endpoint_query())?,
        way,
        path: endpoint.to_owned(),
        model: Some(routed.model().to_owned()),
        upstream,
        body: Bytes::from(body),
    })
}

/// Returns true if the model of an entry for `compat` is the name of a dynamic route.
fn names_route(entry: &Entry) -> bool {
    let routed = entry.written_model.as_ref().and_then(model::split);
    entry.provider == UNIFIED && routed.as_ref().is_some_and(dynamic::is_route)
}

/// The entry's own headers. They override those of the client's request that any provider may receive.
fn entry_headers(entry: &Entry, outer: &HeaderMap, body: &Bytes) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(outer.len() + entry.headers.len());
    let of_request = headers::for_any_provider(outer);
    // The entry has its own body.
    headers.extend(of_request.filter(|(name, _)| !name.as_str().starts_with("content-")));
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in &entry.headers {
        headers.insert(name.clone(), value.clone());
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers
}
