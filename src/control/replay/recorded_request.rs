//! A request as it can be sent again.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::recording::Recording;
use crate::context::GatewayContext;
use crate::routing::model::Edit;
use crate::util::content_length;

/// A head that is kept. Its headers are a list, which takes half the time of a map to make: most are
/// never sent again.
pub(crate) struct KeptHead {
    method: Method,
    uri: Uri,
    version: Version,
    headers: Vec<(HeaderName, HeaderValue)>,
    extensions: KeptExtensions,
}

/// Extensions that are kept. Most requests have the gateway's alone, which needs no map.
enum KeptExtensions {
    Context(GatewayContext),
    All(Extensions),
}

impl KeptHead {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            extensions: KeptExtensions::of(request.extensions()),
        }
    }

    /// The extension of this type.
    pub(crate) fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        match &self.extensions {
            KeptExtensions::Context(context) => (context as &dyn Any).downcast_ref(),
            KeptExtensions::All(all) => all.get(),
        }
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// As it is sent.
    pub(crate) fn head(&self) -> Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = self.method.clone();
        head.uri = self.uri.clone();
        head.version = self.version;
        head.headers.reserve(self.headers.len());
        for (name, value) in &self.headers {
            head.headers.append(name.clone(), value.clone());
        }
        match &self.extensions {
            KeptExtensions::Context(context) => drop(head.extensions.insert(context.clone())),
            KeptExtensions::All(all) => head.extensions = all.clone(),
        }
        head
    }
}

impl KeptExtensions {
    fn of(extensions: &Extensions) -> Self {
        match extensions.get::<GatewayContext>() {
            Some(context) if extensions.len() == 1 => Self::Context(context.clone()),
            _ => Self::All(extensions.clone()),
        }
    }
}

impl From<Parts> for KeptHead {
    fn from(head: Parts) -> Self {
        let Parts { method, uri, version, headers, extensions, .. } = head;
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { method, uri, version, headers, extensions: KeptExtensions::All(extensions) }
    }
}

/// One way in which a request is sent, as often as is needed.
pub(crate) struct RecordedRequest<B> {
    pub(crate) head: KeptHead,
    source: Source<B>,
    pub(super) edits: Vec<Edit>,
}

/// Where the body of a recorded request is.
#[expect(clippy::large_enum_variant, reason = "most takes have their own, and spare an allocation")]
enum Source<B> {
    Own(Recording<B>),
    /// One that has a body of its own.
    Of(Arc<RecordedRequest<B>>),
}

impl<B> RecordedRequest<B> {
    pub(super) fn new(head: KeptHead, recording: Recording<B>) -> Arc<Self> {
        Arc::new(Self { head, source: Source::Own(recording), edits: Vec::new() })
    }

    /// Whether the body can be read from its beginning.
    pub(crate) fn is_replayable(&self) -> bool {
        self.recording().is_replayable()
    }

    pub(crate) fn recording(&self) -> &Recording<B> {
        match &self.source {
            Source::Own(recording) => recording,
            Source::Of(recorded) => recorded.recording(),
        }
    }

    /// Whether the byte at this place is sent.
    pub(crate) fn has(&self, place: u64) -> bool {
        !self.edits.iter().any(|edit| edit.cut.contains(&place))
    }

    /// The same body without these bytes.
    pub(crate) fn without(self: &Arc<Self>, bytes: Range<u64>) -> Arc<Self> {
        let cut = Edit { cut: bytes, insert: Bytes::new() };
        let mut head = self.head.head();
        content_length::change(&mut head.headers, cut.growth());
        self.varied(head, self.edits.iter().cloned().chain([cut]).collect())
    }

    /// The same body under another head, and changed.
    pub(crate) fn varied(self: &Arc<Self>, head: Parts, edits: Vec<Edit>) -> Arc<Self> {
        let owner = match &self.source {
            Source::Own(_) => self.clone(),
            Source::Of(owner) => owner.clone(),
        };
        Arc::new(Self { head: head.into(), source: Source::Of(owner), edits })
    }

    /// Another request altogether.
    pub(crate) fn other(head: Parts, body: Bytes) -> Arc<Self> {
        Self::new(head.into(), Recording::of(body))
    }
}
