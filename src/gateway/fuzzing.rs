//! Properties that must hold for any input. Run by the fuzz targets in `fuzz/`, and over their
//! seeds as a test.
//!
//! The first bytes of an input choose an operation and how to cut the rest into chunks.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod meters;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

#[cfg(feature = "decompression")]
pub use self::meters::decode;
pub use self::meters::{
    array_meter, frames_meter, json_lines_meter, json_meter, payloads_meter, sse_meter,
};
use crate::directives;
use crate::directives::locks::Locks;
use crate::directives::trace::TraceParent;
use crate::json::nested::Passed;
use crate::json::object::ObjectScanner;
use crate::json::places::Places;
use crate::json::{flat, string};
use crate::provider::headers;
use crate::provider::join;
use crate::provider::join::Base;
use crate::provider::{Provider, Providers};
use crate::request::form::Form;
use crate::request::universal;
use crate::routing;
use crate::routing::{Mount, RouteKind};

/// Chunks of 0 to 31 bytes.
fn chunks(seed: u8, mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed);
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (chunk, after) = rest.split_at(rest.len().min(state as usize >> 27));
        let is_over = rest.is_empty();
        rest = after;
        (!is_over).then_some(chunk)
    })
}

/// An accepted path stays below the base path.
pub fn path_map(data: &[u8]) {
    let Ok(uri) = Uri::try_from(data) else { return };
    let providers = Providers::new(Provider::all()).unwrap();
    let mounts = [Mount::hosted().universal(), Mount::rest(), Mount::at("/ai").exclusive()];
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    let path = request.uri().path();
    let Some(route) = routing::route(&mounts, || &providers, &request) else { return };
    let RouteKind::Native { rest, .. } = route.kind else { return };
    let rest = rest.text(path);
    assert!(path.ends_with(rest));
    if join::check(rest).is_err() {
        return;
    }
    let base = Base::new("/v1/base", true).unwrap();
    if let Ok(joined) = base.join(rest, request.uri().query()) {
        assert_eq!(joined.query(), request.uri().query());
        assert!(joined.path() == "/v1/base" || joined.path().starts_with("/v1/base/"));
        assert!(!joined.path().split('/').any(|segment| matches!(segment, "." | "..")));
    }
}

/// Neither hop-by-hop headers nor the gateway's own are forwarded.
pub fn headers(data: &[u8]) {
    let mut request = lines(data);
    let mut response = request.clone();
    let host = HeaderValue::from_static("provider.test");
    let scan = headers::scan_request(&mut request, None, None);
    headers::strip_request(&mut request, &scan, &host);
    let _ = headers::strip_response(&mut response, false);
    for (name, value) in &request {
        let name = name.as_str();
        assert!(!name.starts_with("cf-aig-") && !name.starts_with("proxy-"), "{name}");
        assert!(!matches!(name, "connection" | "upgrade" | "cookie" | "transfer-encoding"));
        assert!(name != "host" || *value == host);
        assert!(name != "te" || value == "trailers");
    }
    for name in response.keys().map(HeaderName::as_str) {
        assert!(!matches!(name, "connection" | "upgrade" | "set-cookie" | "transfer-encoding"));
    }
    headers::strip_trailers(&mut response);
}

/// Malformed headers are refused without a panic.
pub fn control_headers(data: &[u8]) {
    let headers = lines(data);
    let directives = directives::parse(&headers, &Locks::none());
    TraceParent::of(&headers, directives.ok().flatten().as_deref());
    let _ = flat::members(data);
}

/// One header per line; invalid lines are dropped.
fn lines(data: &[u8]) -> HeaderMap {
    let pairs = data.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        Some((HeaderName::from_bytes(&line[..colon]).ok()?, value))
    });
    let mut headers = HeaderMap::new();
    pairs.for_each(|(name, value)| {
        headers.append(name, value);
    });
    headers
}

/// Every split finds the same model and the same scalars.
pub fn json_peek(data: &[u8]) {
    let [seed, body @ ..] = data else { return };
    let read = |mut scanner: ObjectScanner, mut chunks: &mut dyn Iterator<Item = &[u8]>| {
        let result = Iterator::try_for_each(&mut chunks, |chunk| scanner.push(chunk));
        let model = scanner.model().cloned();
        if let Some(model) = &model {
            let text = string::decode(&model.raw);
            assert!(text.is_none_or(|text| string::reads(&model.raw, &text)));
        }
        let scalars = scanner.scalars().cloned();
        ((result.and_then(|()| scanner.finish()), model, scanner.stream()), scalars)
    };
    let whole = || std::iter::once(body);
    let plain = read(ObjectScanner::new(), &mut whole());
    let capturing = read(ObjectScanner::capturing(), &mut whole());
    assert_eq!(read(ObjectScanner::new(), &mut chunks(*seed, body)), plain);
    assert_eq!(read(ObjectScanner::capturing(), &mut chunks(*seed, body)), capturing);
    assert_eq!(capturing.0, plain.0);
}

/// Every split finds the same models at every depth.
pub fn json_places(data: &[u8]) {
    let [seed, body @ ..] = data else { return };
    let read = |mut chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut places = Places::default();
        let allows = |name: &str, hides: bool| !hides && !name.starts_with("no");
        let push = |chunk| places.push(chunk, Passed::default(), &allows);
        Iterator::try_for_each(&mut chunks, push).map(|()| places.has_names())
    };
    let whole = read(&mut std::iter::once(body));
    assert_eq!(read(&mut chunks(*seed, body)), whole);
    assert_eq!(read(&mut body.chunks(1)), whole);
}

/// Every split finds the same model in a form, and holds at most a part's head.
pub fn form(data: &[u8]) {
    let [seed, body @ ..] = data else { return };
    let read = |mut chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut form = Form::of(b"multipart/form-data; boundary=x").unwrap();
        let result = Iterator::try_for_each(&mut chunks, |chunk| form.push(chunk));
        let model = form.model().map(str::to_owned);
        assert!(model.as_deref().is_none_or(|model| model.len() <= 256));
        result.and_then(|()| form.finish()).map(|()| model)
    };
    let whole = read(&mut std::iter::once(body));
    assert_eq!(read(&mut chunks(*seed, body)), whole);
    assert_eq!(read(&mut body.chunks(1)), whole);
    let _ = Form::of(body);
}

/// Queries are slices of the body, and no header of an entry would be stripped.
pub fn universal(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let Ok(entries) = universal::parse(&body, &Locks::none()) else { return };
    assert!((1..=16).contains(&entries.len()));
    for entry in &entries {
        let query = &entry.query;
        assert!(query.is_empty() || body.as_ptr_range().contains(&query.as_ptr()));
        assert!(query.is_empty() || query.starts_with(b"{") && query.ends_with(b"}"));
        assert!(!entry.endpoint.starts_with('/') && join::check(entry.endpoint_path()).is_ok());
        let mut headers: HeaderMap = entry.headers.iter().cloned().collect();
        let names = headers.clone();
        let scan = headers::scan_request(&mut headers, None, None);
        headers::strip_request(&mut headers, &scan, &HeaderValue::from_static("provider.test"));
        assert_eq!(headers, names);
        // A query gives the same result cut out as in place.
        let mut scanner = ObjectScanner::new();
        assert!(query.is_empty() || scanner.push(query).and_then(|()| scanner.finish()).is_ok());
        assert_eq!(scanner.model().and_then(|model| string::decode(&model.raw)), entry.model);
    }
}

#[cfg(test)]
mod tests {
    /// The seeds of a target, in a directory of its name; not in `fuzz/`, because cargo never
    /// packages that.
    fn replay(target: &str, check: fn(&[u8])) {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seeds/");
        let files = std::fs::read_dir(format!("{seeds}{target}")).unwrap();
        let seeds: Vec<_> =
            files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        assert!(!seeds.is_empty(), "{target}");
        seeds.iter().for_each(|seed| check(seed));
    }

    #[test]
    fn the_seeds_of_all_targets_pass() {
        replay("sse_meter", super::sse_meter);
        replay("json_meter", super::json_meter);
        replay("json_lines_meter", super::json_lines_meter);
        replay("array_meter", super::array_meter);
        replay("frames_meter", super::frames_meter);
        replay("payloads_meter", super::payloads_meter);
        #[cfg(feature = "decompression")]
        replay("decode", super::decode);
        replay("path_map", super::path_map);
        replay("headers", super::headers);
        replay("control_headers", super::control_headers);
        replay("json_peek", super::json_peek);
        replay("json_places", super::json_places);
        replay("form", super::form);
        replay("universal", super::universal);
    }
}
