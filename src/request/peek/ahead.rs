//! Reads further ahead for guards, sessions and limits.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tower::BoxError;

use super::Peek;
use crate::context::reserved::BodyAsks;
use crate::json::nested::Passed;
use crate::json::string;
use crate::rejection::Rejection;
use crate::request::affinity::SessionReader;
use crate::request::model_reader::ModelReader;
use crate::request::peek_for::PeekFor;
use crate::request::watch::hides_second_model;
use crate::response::messages;
use crate::util::body_hint::is_over;
use crate::util::budget::FRAME_OVERHEAD;

impl<B> Peek<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Reads on until more than this many bytes are held, or all.
    pub(crate) fn poll_held(
        &mut self,
        limit: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Rejection>> {
        // The target is chosen: nothing else reads the model of a form any more.
        self.models = self.models.take().map(ModelReader::late);
        while limit > 0 && self.held <= limit && !self.has_all() {
            ready!(self.poll_more(cx))?;
        }
        Poll::Ready(if limit > 0 && self.has_all() { self.finish() } else { Ok(()) })
    }

    /// Shows the held bytes from the first one on.
    pub(crate) fn show_held(&mut self, mut see: impl FnMut(&[u8])) {
        self.flush();
        self.frames.iter().for_each(|frame| see(frame));
    }

    /// Reads on until the session is known. The search also ends if the budget has no room for what
    /// was read.
    pub(crate) fn poll_session(
        &mut self,
        reader: &mut SessionReader,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Rejection>> {
        while !reader.is_done() && !self.has_all() {
            let Some(data) = ready!(self.poll_data(cx))? else { continue };
            reader.push(&data);
            self.scan_on(&data)?;
            self.held += data.len();
            if self.keep(data.clone()).is_err() {
                self.keep_anyway(data);
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads on until the model has passed, or nothing more can be found.
    pub(crate) fn poll_for_limits(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        while self.scanner.model().is_none()
            && !self.is_unreadable
            && self.held <= self.limit
            && !self.has_all()
        {
            ready!(self.poll_more(cx))?;
        }
        self.tell_model();
        Poll::Ready(Ok(()))
    }

    /// Relays the body without looking for anything in it.
    pub(crate) fn leave_unread(&mut self) {
        self.is_unreadable = true;
    }

    /// What the body asks for, as far as it was read.
    pub(crate) fn asks(&self) -> BodyAsks {
        let hint = self.body.size_hint();
        let rest = if self.has_ended { 0 } else { hint.upper().unwrap_or(hint.lower()) };
        BodyAsks {
            bytes: Some(rest.saturating_add(self.held as u64)),
            max_tokens: self.scanner.max_tokens(),
        }
    }

    /// Reads another frame after the search has ended.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        if let Some(data) = ready!(self.poll_data(cx))? {
            self.scan_on(&data)?;
            self.held += data.len();
            self.keep(data)?;
        }
        Poll::Ready(Ok(()))
    }

    /// The data of the next frame; `None` if it has none or the body has ended.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Rejection>> {
        match ready!(self.body.as_mut().poll_frame(cx)) {
            None => self.has_ended = true,
            Some(Err(error)) => {
                self.has_ended = true;
                return Poll::Ready(Err(messages::failed_body(&*error.into())));
            }
            Some(Ok(frame)) => {
                let data = self.data_of(frame);
                if let Some(data) = &data {
                    self.watch.saw(data);
                }
                return Poll::Ready(Ok(data));
            }
        }
        Poll::Ready(Ok(None))
    }

    /// The first held bytes, and whether they are the whole body. They are joined in place, so that
    /// the provider gets the same bytes.
    pub(crate) fn beginning(&mut self, limit: usize) -> Result<(Bytes, bool), Rejection> {
        self.flush();
        self.tell_model();
        let length = self.held.min(limit);
        let is_whole = self.has_all() && length == self.held;
        if length == 0 {
            return Ok((Bytes::new(), is_whole));
        }
        if self.frames.front().is_none_or(|first| first.len() < length) {
            if !self.share.grow(length + FRAME_OVERHEAD) {
                return Err(messages::no_memory());
            }
            let mut joined = BytesMut::with_capacity(length);
            let mut freed = 0;
            while joined.len() < length
                && let Some(mut frame) = self.frames.pop_front()
            {
                let needed = frame.split_to(frame.len().min(length - joined.len()));
                freed += needed.len();
                joined.extend_from_slice(&needed);
                match frame.is_empty() {
                    true => freed += FRAME_OVERHEAD,
                    false => self.frames.push_front(frame),
                }
            }
            self.share.shrink(freed);
            self.frames.push_front(joined.freeze());
        }
        let first = self.frames.front();
        Ok((first.map(|first| first.slice(..length)).unwrap_or_default(), is_whole))
    }

    fn has_all(&self) -> bool {
        self.has_ended || is_over(&*self.body)
    }

    /// Checks that the JSON or the form is complete, unless the body is relayed whatever it holds.
    pub(super) fn finish(&self) -> Result<(), Rejection> {
        let finished = match &self.models {
            _ if self.is_unreadable || self.is_lenient() => Ok(()),
            Some(models) if models.is_form() => models.finish(),
            _ => self.scanner.finish(),
        };
        finished.map_err(messages::unreadable_body)
    }

    /// Returns true if the body is relayed whatever it holds.
    pub(crate) fn is_lenient(&self) -> bool {
        matches!(self.peek_for, PeekFor::Nothing | PeekFor::Limits)
    }

    /// Returns true if limits use the model that the body has named.
    pub(crate) fn is_for_limits(&self) -> bool {
        self.peek_for == PeekFor::Limits
    }

    /// Returns true if a body that is relayed whatever it holds must not name two models.
    pub(super) fn refuses_second_model(&self) -> bool {
        self.is_for_limits() && self.scanner.is_wary()
    }

    /// Scans data that was read after the search was done.
    fn scan_on(&mut self, data: &[u8]) -> Result<(), Rejection> {
        let mut passed = Passed::default();
        if !self.is_unreadable && !self.reads_form() {
            match self.scanner.pass(data) {
                // Rules use one model, and the provider may use the other.
                Err(error)
                    if self.refuses_second_model()
                        && hides_second_model(error, self.watch.model().is_some()) =>
                {
                    return Err(messages::unreadable_body(error));
                }
                Err(_) if self.is_lenient() => self.is_unreadable = true,
                scanned => passed = scanned.map_err(messages::unreadable_body)?,
            }
        }
        if let Some(models) = &mut self.models {
            models.push(data, passed).map_err(messages::unreadable_body)?;
        }
        Ok(())
    }

    /// The data of a frame. Trailers are kept for the end.
    pub(super) fn data_of(&mut self, frame: Frame<Bytes>) -> Option<Bytes> {
        match frame.into_data() {
            Ok(data) => Some(data),
            Err(frame) => {
                self.trailers = frame.into_trailers().ok().map(Box::new);
                None
            }
        }
    }

    /// Reports a model that was not searched for, or came later.
    fn tell_model(&self) {
        let model = match &self.models {
            Some(models) => models.form_model().map(str::to_owned),
            // With two models, we cannot tell which one the provider uses.
            None if self.is_lenient() && !self.is_unreadable => {
                self.scanner.model().and_then(|model| string::decode(&model.raw))
            }
            None => None,
        };
        if let Some(model) = model {
            self.watch.set_model(model);
        }
    }
}
