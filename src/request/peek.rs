//! Reads a request body just far enough to know its model.

mod ahead;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::header::EXPECT;
use http::{HeaderMap, Request};
use http_body::Body;
use tower::BoxError;

use crate::context::GatewayContext;
use crate::exchange::request_state::RequestState;
use crate::json::object::{ObjectScanner, ScanError};
use crate::json::scalars::{BodyFields, BodyScalars};
use crate::json::string;
use crate::rejection::{Code, Rejection};
use crate::request::add_usage::Splice;
use crate::request::body::RequestBody;
use crate::request::model_reader::ModelReader;
use crate::request::peek_for::PeekFor;
use crate::request::watch::Watcher;
use crate::response::messages;
use crate::routing::model;
use crate::routing::model::{Edit, RoutedModel};
use crate::util::body_hint::is_over;
use crate::util::budget::{FRAME_OVERHEAD, Held};
use crate::util::patience::Patience;

/// Frames smaller than this are copied together, up to `LARGE`.
const SMALL: usize = 512;
const LARGE: usize = 16 * 1024;

/// Holds the frames up to the end of `model`, and no more.
pub(crate) struct Peek<B> {
    body: Pin<Box<B>>,
    scanner: ObjectScanner,
    /// Reads all models, if they are restricted.
    models: Option<Box<ModelReader>>,
    watch: Arc<RequestState>,
    frames: VecDeque<Bytes>,
    trailers: Option<Box<HeaderMap>>,
    /// Small frames, copied together: one by one they would take more memory than they have bytes.
    small: BytesMut,
    held: usize,
    /// The frames' share of the budget.
    share: Held,
    limit: usize,
    peek_for: PeekFor,
    /// Nothing can be found any more, but the body is sent anyway.
    is_unreadable: bool,
    has_ended: bool,
    refused: Option<Rejection>,
    /// How many bytes are read and dropped at most, once the body is refused.
    bearable: usize,
}

/// What was found in a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A model with its provider in front.
    Routed(RoutedModel),
    /// The model's name as it is.
    Named(String),
    /// The whole body.
    Whole(Bytes),
    /// Models may follow until the end: they are read while the body is sent.
    Open,
    /// A JSON object or a form without a model.
    NoModel,
    /// The body is not a JSON object.
    NotJson,
    /// The body is empty.
    Empty,
}

impl<B> Peek<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// `limit` is how many bytes may be held until the model is found. `models` reads all models
    /// that the body names.
    pub(crate) fn new(
        body: B,
        watch: Arc<RequestState>,
        peek_for: PeekFor,
        scanner: ObjectScanner,
        limit: usize,
        share: Held,
        models: Option<Box<ModelReader>>,
    ) -> Self {
        Self {
            body: Box::pin(body),
            scanner,
            models,
            watch,
            frames: VecDeque::new(),
            trailers: None,
            small: BytesMut::new(),
            held: 0,
            share,
            limit,
            peek_for,
            is_unreadable: false,
            has_ended: false,
            refused: None,
            bearable: limit,
        }
    }

    /// Returns true if the body is read as a form.
    pub(crate) fn reads_form(&self) -> bool {
        self.models.as_ref().is_some_and(|models| models.is_form())
    }

    /// Returns true if the body has named a model below its top level.
    pub(crate) fn has_named(&self) -> bool {
        self.models.as_ref().is_some_and(|models| models.has_named())
    }

    pub(crate) fn poll_model(&mut self, cx: &mut Context<'_>) -> Poll<Result<Found, Rejection>> {
        loop {
            let frame = ready!(self.body.as_mut().poll_frame(cx));
            let frame = match frame {
                None if self.peek_for == PeekFor::AnyModel && self.refused.is_none() => {
                    self.has_ended = true;
                    self.is_unreadable = match &self.models {
                        Some(models) if models.is_form() => models.finish().is_err(),
                        _ => self.scanner.finish().is_err(),
                    };
                    return Poll::Ready(Ok(match self.is_unreadable {
                        _ if self.held == 0 => Found::Empty,
                        true => Found::NotJson,
                        false => Found::NoModel,
                    }));
                }
                None => {
                    self.has_ended = true;
                    let refused = self.refused.take();
                    return Poll::Ready(Err(refused.unwrap_or_else(|| self.ended_without_model())));
                }
                Some(Err(error)) => {
                    self.has_ended = true;
                    let refused = self.refused.take();
                    let failed = || messages::failed_body(&*error.into());
                    return Poll::Ready(Err(refused.unwrap_or_else(failed)));
                }
                Some(Ok(frame)) => frame,
            };
            // Trailers before a model: the next poll reports the end of the body.
            let Some(data) = self.data_of(frame) else { continue };
            self.watch.saw(&data);
            if self.refused.is_some() {
                match self.bearable.checked_sub(data.len()) {
                    Some(left) => self.bearable = left,
                    None => return Poll::Ready(Err(self.give_up())),
                }
                continue;
            }
            match self.look_at(data) {
                Ok(None) => {}
                Ok(Some(found)) => return Poll::Ready(Ok(found)),
                Err(rejection) if self.rest_is_worth_reading() => {
                    self.forget();
                    self.refused = Some(rejection);
                }
                Err(rejection) => return Poll::Ready(Err(rejection)),
            }
        }
    }

    /// Reads on until these members are known or known to be missing.
    pub(crate) fn poll_known(
        &mut self,
        fields: BodyFields,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Rejection>> {
        while !self.scanner.knows(fields) {
            if self.held > self.limit {
                return Poll::Ready(Err(self.too_large()));
            }
            ready!(self.poll_more(cx))?;
            if self.has_ended {
                return Poll::Ready(self.scanner.finish().map_err(messages::unreadable_body));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The known members beside `model`.
    pub(crate) fn scalars(&self) -> Option<&BodyScalars> {
        self.scanner.scalars()
    }

    /// The body from its first byte on, with the edit if there is one.
    pub(crate) fn into_body(
        mut self,
        edit: Option<&Edit>,
        splice: Option<Splice>,
        context: &GatewayContext,
    ) -> RequestBody<B> {
        self.flush();
        if let Some(edit) = edit {
            model::splice(&mut self.frames, edit);
        }
        self.watch.stream.store(self.scanner.stream(), Ordering::Relaxed);
        let is_lenient = self.is_lenient();
        let refuses_second_model = self.refuses_second_model();
        let reads_json = !self.is_unreadable && !self.reads_form();
        let scanner = reads_json.then_some(self.scanner);
        let models = self.models.filter(|_| !self.has_ended).map(ModelReader::late);
        let watcher = Watcher::resume(scanner, models, self.watch, is_lenient)
            .refusing_second_model(refuses_second_model);
        let watcher = watcher.with(splice).telling(context);
        let rest = (!self.has_ended).then_some(self.body);
        RequestBody::peeked(self.frames, self.share, rest, self.trailers, watcher)
    }

    /// A client that is still sending would take a reset for a broken connection and never see the
    /// refusal. So a rest of known and bearable length is read and dropped.
    fn rest_is_worth_reading(&self) -> bool {
        let left = self.body.size_hint().upper();
        left.is_some_and(|left| left <= self.limit as u64)
    }

    /// Like [`look_at`](Self::look_at), for forms.
    fn look_at_form(&mut self, data: Bytes) -> Result<Option<Found>, Rejection> {
        let Some(models) = &mut self.models else { return Ok(None) };
        let pushed = models.push(&data);
        let found = match models.form_model() {
            Some(model) => Some(Found::Named(model.to_owned())),
            None => models.may_go_on().then_some(Found::Open),
        };
        let is_late = is_over(&*self.body) && models.finish().is_err();
        self.held += data.len();
        self.keep(data)?;
        match pushed {
            Err(error) => Err(messages::unreadable_body(error)),
            Ok(()) if is_late => Err(messages::unreadable_body(ScanError::AmbiguousForm)),
            Ok(()) => Ok(found),
        }
    }

    fn look_at(&mut self, data: Bytes) -> Result<Option<Found>, Rejection> {
        if self.reads_form() {
            return self.look_at_form(data);
        }
        let scanned = self.scanner.push(&data);
        let read = match &mut self.models {
            Some(models) if scanned.is_ok() => models.push(&data),
            _ => Ok(()),
        };
        let is_any = self.peek_for == PeekFor::AnyModel;
        self.held += data.len();
        match scanned {
            Ok(()) => self.keep(data)?,
            // The provider decides what to make of it, if it may get it.
            Err(ScanError::NotAnObject | ScanError::Malformed) if is_any => {
                self.keep(data)?;
                self.is_unreadable = true;
                return Ok(Some(Found::NotJson));
            }
            Err(ScanError::ModelIsNotAString | ScanError::ModelTooLong) if is_any => {
                return Err(messages::unreadable_model());
            }
            Err(error) => return Err(messages::unreadable_body(error)),
        }
        if let Some(found) = self.scanner.model() {
            let end = found.span().end;
            let found = if is_any {
                Found::Named(string::decode(&found.raw).ok_or_else(messages::malformed_model)?)
            } else {
                Found::Routed(model::split(found).ok_or_else(messages::no_prefix)?)
            };
            if end > self.limit as u64 {
                return Err(self.too_large());
            }
            if is_over(&*self.body) {
                self.scanner.finish().map_err(messages::unreadable_body)?;
            }
            read.map_err(messages::unreadable_body)?;
            return Ok(Some(found));
        }
        read.map_err(messages::unreadable_body)?;
        if self.models.as_ref().is_some_and(|models| models.may_go_on()) {
            return Ok(Some(Found::Open));
        }
        if self.held > self.limit {
            return Err(self.too_large());
        }
        Ok(None)
    }

    /// Keeps a frame for the provider, if the budget has room.
    fn keep(&mut self, data: Bytes) -> Result<(), Rejection> {
        let is_gathered = data.len() < SMALL && !self.small.is_empty();
        let overhead = if is_gathered { 0 } else { FRAME_OVERHEAD };
        if !self.share.grow(data.len() + overhead) {
            return Err(messages::no_memory());
        }
        if data.len() < SMALL {
            self.small.extend_from_slice(&data);
            if self.small.len() < LARGE {
                return Ok(());
            }
        }
        self.flush();
        if data.len() >= SMALL {
            self.frames.push_back(data);
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.frames = VecDeque::new();
        self.small = BytesMut::new();
        self.share.release();
    }

    /// Returns true if the body is refused and its rest is read and dropped.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// The answer to give now, without reading further.
    pub(crate) fn give_up(&mut self) -> Rejection {
        self.has_ended = true;
        self.refused.take().unwrap_or_else(messages::broken_body)
    }

    /// Returns true if nothing was read yet.
    pub(crate) fn is_unread(&self) -> bool {
        self.held == 0 && !self.has_ended
    }

    /// The rest of a body that is refused after all, if it must be read.
    pub(crate) fn into_rest(self) -> Option<Drain<B>> {
        if self.has_ended { None } else { Drain::of_rest(self.body, self.limit) }
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.frames.push_back(std::mem::take(&mut self.small).freeze());
        }
    }

    fn ended_without_model(&self) -> Rejection {
        match self.scanner.finish() {
            Err(error) => messages::unreadable_body(error),
            Ok(()) => Rejection::of_request(
                Code::UnknownProvider,
                "The request body has no `model`. On this route it names the provider too, as in `grok/grok-4`.",
            )
            .param("model"),
        }
    }

    fn too_large(&self) -> Rejection {
        let limit = self.limit;
        let advice = match self.peek_for {
            PeekFor::AnyModel => "Put `model` first.",
            _ => "Put `model` first, or use the provider's own path.",
        };
        let message = format!(
            "More than {limit} bytes of the request body stand before its `model`, which is the limit here. {advice}"
        );
        Rejection::of_request(Code::BodyTooLarge, message)
    }
}

/// Reads and drops a refused body, so that its client gets to read the answer.
///
/// It reads a bounded number of bytes for a bounded time, whatever length the body announces.
pub(crate) struct Drain<B> {
    body: Pin<Box<B>>,
    left: usize,
    patience: Patience,
}

/// How long a refused body is read.
pub(crate) const DRAIN_TIME: Duration = Duration::from_secs(5);

/// How much a client may have written before it reads, without harm.
const HARMLESS: u64 = 64 * 1024;

impl<B: Body> Drain<B> {
    /// `None` unless the body has a known and bearable length. A client that sends `expect` gets
    /// its answer at once.
    pub(crate) fn of(request: Request<B>, limit: usize) -> Option<Self> {
        if !is_bearable(request.body(), limit) || request.headers().contains_key(EXPECT) {
            return None;
        }
        Some(Self::new(Box::pin(request.into_body()), limit))
    }

    /// The same for a body that was partly read.
    pub(crate) fn of_rest(body: Pin<Box<B>>, limit: usize) -> Option<Self> {
        is_bearable(&*body, limit).then(|| Self::new(body, limit))
    }

    fn new(body: Pin<Box<B>>, limit: usize) -> Self {
        Self { body, left: limit, patience: Patience::new(Some(DRAIN_TIME)) }
    }

    /// Ready when all is read, the client has broken off, or a bound is reached.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let length = frame.data_ref().map_or(0, Buf::remaining);
                    match self.left.checked_sub(length) {
                        Some(left) => self.left = left,
                        None => return Poll::Ready(()),
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.patience.poll_end(cx),
            }
        }
    }
}

/// Returns true if the client may need to send this body before it reads, and the body is small
/// enough.
fn is_bearable<B: Body>(body: &B, limit: usize) -> bool {
    body.size_hint().upper().is_some_and(|length| (HARMLESS..=limit as u64).contains(&length))
}
