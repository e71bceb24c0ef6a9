//! A request that can be sent again.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::recording::Recording;
use crate::context::GatewayContext;
use crate::control::timeout::HandedDown;
use crate::routing::model::Edit;
use crate::util::content_length;

/// The head of a recorded request. Its headers are a list, which takes half the time of a map to build:
/// most heads are never sent again.
pub(crate) struct KeptHead {
    method: Method,
    uri: Uri,
    version: Version,
    headers: Vec<(HeaderName, HeaderValue)>,
    extensions: KeptExtensions,
}

/// The extensions of a recorded request. Most requests have only the gateway's context and perhaps
/// bounds, which need no map.
enum KeptExtensions {
    Few(GatewayContext, Option<HandedDown>),
    All(Extensions),
}

impl KeptHead {
    /// `context` is the request's.
    pub(super) fn of<B>(request: &Request<B>, context: Option<&GatewayContext>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: listed(request.headers()),
            extensions: KeptExtensions::of(request.extensions(), context),
        }
    }

    /// The extension of this type.
    pub(crate) fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        match &self.extensions {
            KeptExtensions::Few(context, bounds) => {
                let bounds = || (bounds.as_ref()? as &dyn Any).downcast_ref();
                (context as &dyn Any).downcast_ref().or_else(bounds)
            }
            KeptExtensions::All(all) => all.get(),
        }
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// A head to send.
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
            KeptExtensions::Few(context, bounds) => {
                head.extensions.insert(context.clone());
                bounds.map(|bounds| head.extensions.insert(bounds));
            }
            KeptExtensions::All(all) => head.extensions = all.clone(),
        }
        head
    }
}

impl KeptExtensions {
    fn of(extensions: &Extensions, context: Option<&GatewayContext>) -> Self {
        let bounds = if extensions.len() == 2 { extensions.get().copied() } else { None };
        match context {
            Some(context) if extensions.len() == 1 + usize::from(bounds.is_some()) => {
                Self::Few(context.clone(), bounds)
            }
            _ => Self::All(extensions.clone()),
        }
    }
}

impl From<Parts> for KeptHead {
    fn from(head: Parts) -> Self {
        let Parts { method, uri, version, headers, extensions, .. } = head;
        let (headers, extensions) = (listed(&headers), KeptExtensions::All(extensions));
        Self { method, uri, version, headers, extensions }
    }
}

fn listed(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let mut list = Vec::with_capacity(headers.len());
    // Each pair is copied once more by `collect`, which is not inlined.
    for (name, value) in headers {
        list.push((name.clone(), value.clone()));
    }
    list
}

/// A variant of a request, which can be sent several times.
pub(crate) struct RecordedRequest<B> {
    pub(crate) head: KeptHead,
    source: Source<B>,
    pub(super) edits: Vec<Edit>,
}

/// The body of a recorded request.
#[expect(
    clippy::large_enum_variant,
    reason = "most requests own their body, and this saves an allocation"
)]
enum Source<B> {
    Own(Recording<B>),
    /// The body of another recorded request, which owns it.
    Of(Arc<RecordedRequest<B>>),
}

impl<B> RecordedRequest<B> {
    pub(super) fn new(head: KeptHead, recording: Recording<B>) -> Arc<Self> {
        Arc::new(Self { head, source: Source::Own(recording), edits: Vec::new() })
    }

    /// Returns true if the body can be read from its start.
    pub(crate) fn is_replayable(&self) -> bool {
        self.recording().is_replayable()
    }

    pub(crate) fn recording(&self) -> &Recording<B> {
        match &self.source {
            Source::Own(recording) => recording,
            Source::Of(recorded) => recorded.recording(),
        }
    }

    /// Returns true if the byte at this position is sent.
    pub(crate) fn has(&self, place: u64) -> bool {
        !self.edits.iter().any(|edit| edit.cut.contains(&place))
    }

    /// The same request without these bytes of its body.
    pub(crate) fn without(self: &Arc<Self>, bytes: Range<u64>) -> Arc<Self> {
        let cut = Edit { cut: bytes, insert: Bytes::new() };
        let mut head = self.head.head();
        content_length::change(&mut head.headers, cut.growth());
        self.with_edits(head, self.edits.iter().cloned().chain([cut]).collect())
    }

    /// The same body with another head and with edits.
    pub(crate) fn with_edits(self: &Arc<Self>, head: Parts, edits: Vec<Edit>) -> Arc<Self> {
        let owner = match &self.source {
            Source::Own(_) => self.clone(),
            Source::Of(owner) => owner.clone(),
        };
        Arc::new(Self { head: head.into(), source: Source::Of(owner), edits })
    }

    /// A new request.
    pub(crate) fn of_bytes(head: Parts, body: Bytes) -> Arc<Self> {
        Self::new(head.into(), Recording::of(body))
    }
}
