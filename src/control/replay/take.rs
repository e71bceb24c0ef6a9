//! A request as it can be sent again.

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

use super::ReplayBody;
use super::edit::Edit;
use super::tape::Tape;

/// The head of a request, kept to be sent again.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) extensions: Extensions,
}

impl Head {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
            extensions: request.extensions().clone(),
        }
    }
}

/// One way in which a request is sent, as often as is needed.
pub(crate) struct Take<B> {
    pub(crate) head: Head,
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
        Arc::new(Self { head, tape: self.tape.clone(), edit })
    }

    /// Another request altogether.
    pub(crate) fn other(head: Head, body: Bytes) -> Arc<Self> {
        Arc::new(Self { head, tape: Arc::new(Tape::of(body)), edit: None })
    }

    /// The request, from its beginning.
    pub(crate) fn request(self: &Arc<Self>) -> Request<ReplayBody<B>> {
        let Head { method, uri, version, headers, extensions } = self.head.clone();
        let mut request = Request::new(ReplayBody::recorded(self.clone()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = version;
        *request.headers_mut() = headers;
        *request.extensions_mut() = extensions;
        request
    }
}
