//! Declares the length of a request body over HTTP/1.1.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Request};
use http_body::Body;

/// Declares a GET or HEAD body of unknown length: hyper sends no such body unless a header declares it.
pub(in crate::client) fn declare_body<B: Body>(request: &mut Request<B>) {
    let is_bodyless = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_bodyless || request.body().is_end_stream() {
        return;
    }
    let is_known = request.body().size_hint().exact().is_some();
    let headers = request.headers_mut();
    if !is_known && !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}
