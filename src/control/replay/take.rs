//! A request as it can be sent again.

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::ReplayBody;
use super::edit::Edit;
use super::tape::Tape;

/// The head of a request, to be sent.
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) extensions: Extensions,
}

/// A head that is kept. Its headers are a list: most are never sent again, and making a list takes
/// half the time of making a map.
pub(crate) struct KeptHead {
    method: Method,
    uri: Uri,
    version: Version,
    headers: Vec<(HeaderName, HeaderValue)>,
    extensions: Extensions,
}

impl KeptHead {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            extensions: request.extensions().clone(),
        }
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// As it is sent.
    pub(crate) fn head(&self) -> Head {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
        Head {
            method: self.method.clone(),
            uri: self.uri.clone(),
            version: self.version,
            headers,
            extensions: self.extensions.clone(),
        }
    }
}

impl From<Head> for KeptHead {
    fn from(head: Head) -> Self {
        let Head { method, uri, version, headers, extensions } = head;
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { method, uri, version, headers, extensions }
    }
}

/// One way in which a request is sent, as often as is needed.
pub(crate) struct Take<B> {
    pub(crate) head: KeptHead,
    pub(super) tape: Arc<Tape<B>>,
    pub(super) edit: Option<Edit>,
}

impl<B> Take<B> {
    /// Whether the body can be read from its beginning.
    pub(crate) fn is_replayable(&self) -> bool {
        self.tape.is_replayable()
    }

    pub(crate) fn tape(&self) -> &Arc<Tape<B>> {
        &self.tape
    }

    /// The same body under another head, and changed.
    pub(crate) fn varied(&self, head: Head, edit: Option<Edit>) -> Arc<Self> {
        Arc::new(Self { head: head.into(), tape: self.tape.clone(), edit })
    }

    /// Another request altogether.
    pub(crate) fn other(head: Head, body: Bytes) -> Arc<Self> {
        Arc::new(Self { head: head.into(), tape: Arc::new(Tape::of(body)), edit: None })
    }

    /// The request, from its beginning.
    pub(crate) fn request(self: &Arc<Self>) -> Request<ReplayBody<B>> {
        let Head { method, uri, version, headers, extensions } = self.head.head();
        let mut request = Request::new(ReplayBody::recorded(self.clone()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = version;
        *request.headers_mut() = headers;
        *request.extensions_mut() = extensions;
        request
    }
}
