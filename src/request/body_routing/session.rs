//! Reads more of the body to find its session.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tower::BoxError;

use super::{BodyRouting, Reading};
use crate::rejection::Rejection;
use crate::request::affinity::SessionReader;
use crate::request::stages::BodyChange;
use crate::util::patience::Patience;

/// How long a request is held back for its session.
const SESSION_TIME: Duration = Duration::from_secs(1);

/// The body is being read for its session.
pub(super) struct Seeking {
    change: BodyChange,
    reader: SessionReader,
    /// After this time the request is sent without a session.
    patience: Patience,
}

impl<B> BodyRouting<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    #[cold]
    pub(super) fn begin_session(
        &mut self,
        change: BodyChange,
        mut reader: SessionReader,
        cx: &mut Context<'_>,
    ) -> Poll<Result<BodyChange, Rejection>> {
        if let BodyChange::Replaced(body) = &change {
            reader.push(body);
        } else if let Reading::Model(peek) = &mut self.reading {
            peek.show_held(|data| reader.push(data));
        }
        let patience = Patience::new(Some(SESSION_TIME));
        self.poll_session(Box::new(Seeking { change, reader, patience }), cx)
    }

    /// Ready when the session is known, or does not come in time.
    #[cold]
    pub(super) fn poll_session(
        &mut self,
        mut seeking: Box<Seeking>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<BodyChange, Rejection>> {
        let Seeking { reader, patience, .. } = &mut *seeking;
        if let Reading::Model(peek) = &mut self.reading
            && peek.poll_session(reader, cx)?.is_pending()
            && patience.poll_end(cx).is_pending()
        {
            self.seeking = Some(seeking);
            return Poll::Pending;
        }
        seeking.reader.finish(&self.relay.context);
        Poll::Ready(Ok(seeking.change))
    }
}
