//! A request body that can be read again.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

use super::edit::Editor;
use super::read::Read;
use super::recorded_request::RecordedRequest;
use super::recording::Position;
use crate::util::opaque::opaque_debug;

pin_project! {
    /// A request body that is recorded while it is sent, so that it can be sent again.
    ///
    /// Frames of 4 KiB and more are kept without copying. Created by [`ReplayLayer`](super::ReplayLayer).
    pub struct ReplayBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Once { #[pin] body: B },
        Recorded { reader: Reader<B> },
        // Boxed, because only the cache creates it.
        #[cfg_attr(not(feature = "cache"), allow(dead_code))]
        Read { read: Box<Read<B>> },
    }
}

struct Reader<B> {
    recorded: Arc<RecordedRequest<B>>,
    at: Position,
    editor: Option<Box<Editor>>,
}

impl<B> ReplayBody<B> {
    /// A body that is sent once and not recorded.
    pub(in crate::control) fn once(body: B) -> Self {
        Self { kind: Kind::Once { body } }
    }

    /// A body that is sent once, and whose start was read ahead.
    #[cfg(feature = "cache")]
    pub(in crate::control) fn read(read: Read<B>) -> Self {
        Self { kind: Kind::Read { read: Box::new(read) } }
    }

    pub(super) fn replaying(recorded: Arc<RecordedRequest<B>>) -> Self {
        let edits = (!recorded.edits.is_empty()).then(|| recorded.edits.clone());
        let editor = edits.map(|edits| Box::new(Editor::new(edits)));
        Self {
            kind: Kind::Recorded { reader: Reader { recorded, at: Position::default(), editor } },
        }
    }

    /// The recorded request; `None` if it is not recorded.
    pub(crate) fn recorded(&self) -> Option<&Arc<RecordedRequest<B>>> {
        match &self.kind {
            Kind::Once { .. } | Kind::Read { .. } => None,
            Kind::Recorded { reader } => Some(&reader.recorded),
        }
    }

    /// The same body from its start, for your own retry policy; `None` if it is not recorded or is
    /// too large.
    ///
    /// Only one clone can be read: the one that was started last. The others fail.
    #[must_use]
    pub fn try_clone(&self) -> Option<Self> {
        let recorded = self.recorded().filter(|recorded| recorded.is_replayable())?;
        Some(Self::replaying(recorded.clone()))
    }
}

impl<B> RecordedRequest<B> {
    /// The request, from the start of its body.
    pub(crate) fn request(self: &Arc<Self>) -> Request<ReplayBody<B>> {
        Request::from_parts(self.head.head(), ReplayBody::replaying(self.clone()))
    }
}

opaque_debug!(ReplayBody<B>);

impl<B> Body for ReplayBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let reader = match self.project().kind.project() {
            KindProjection::Once { body } => {
                return body.poll_frame(cx).map_err(Into::into);
            }
            KindProjection::Read { read } => return read.poll_frame(cx),
            KindProjection::Recorded { reader } => reader,
        };
        let Reader { recorded, at, editor } = reader;
        loop {
            if let Some(data) = editor.as_mut().and_then(|editor| editor.next()) {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            let frame = ready!(recorded.recording().poll_frame(at, cx));
            match (frame, editor.as_mut()) {
                (Some(Ok(frame)), Some(editor)) => match frame.into_data() {
                    Ok(data) => editor.push(data),
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                (frame, _) => return Poll::Ready(frame),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Once { body } => body.is_end_stream(),
            Kind::Read { read } => read.is_end_stream(),
            Kind::Recorded { reader: Reader { recorded, at, editor } } => {
                !editor.as_ref().is_some_and(|editor| editor.has_more())
                    && recorded.recording().is_end_stream(at)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Once { body } => body.size_hint(),
            Kind::Read { read } => read.size_hint(),
            Kind::Recorded { reader: Reader { recorded, at, editor } } => {
                let hint = recorded.recording().size_hint(at);
                match editor {
                    Some(editor) => grown(&hint, editor.growth_left()),
                    None => hint,
                }
            }
        }
    }
}

fn grown(hint: &SizeHint, by: i64) -> SizeHint {
    let mut grown = SizeHint::new();
    let upper = hint.upper().and_then(|upper| upper.checked_add_signed(by));
    match upper {
        Some(upper) if hint.exact().is_some() => grown.set_exact(upper),
        _ => grown.set_lower(hint.lower().saturating_add_signed(by.min(0))),
    }
    grown
}
