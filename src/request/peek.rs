//! Reads a request body just far enough to know its model.

mod ahead;
mod drain;
mod keep;
mod look;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;
use tower::BoxError;

pub(crate) use self::drain::{DRAIN_TIME, Drain};
use crate::context::GatewayContext;
use crate::exchange::request_state::RequestState;
use crate::json::object::ObjectScanner;
use crate::json::scalars::{BodyFields, BodyScalars};
use crate::rejection::{Code, Rejection};
use crate::request::add_usage::Splice;
use crate::request::body::RequestBody;
use crate::request::model_reader::ModelReader;
use crate::request::peek_for::PeekFor;
use crate::request::watch::Watcher;
use crate::response::messages;
use crate::routing::model;
use crate::routing::model::{Edit, RoutedModel};
use crate::util::budget::Held;

/// Holds the frames up to the end of `model`, and no more.
pub(crate) struct Peek<B> {
    body: Pin<Box<B>>,
    scanner: ObjectScanner,
    /// Reads all models, if they are restricted.
    models: Option<Box<ModelReader>>,
    watch: Arc<RequestState>,
    /// The first frame, until another one follows: most bodies are one.
    only: Option<Bytes>,
    frames: VecDeque<Bytes>,
    trailers: Option<Box<HeaderMap>>,
    /// Small frames, copied together: kept one by one, they would take more memory than their bytes.
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
    /// The maximum number of bytes to read and drop after a refusal.
    bearable: usize,
}

/// What was found in a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A model with its provider as a prefix.
    Routed(RoutedModel),
    /// The model's name, unchanged.
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
            only: None,
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
        self.watch.stream.store(self.scanner.stream(), Ordering::Relaxed);
        if splice.is_none()
            && self.is_checked()
            && let Some(only) = &self.only
            && let Some(whole) = edit.map_or_else(|| Some(only.clone()), |edit| edit.copied(only))
        {
            self.watch.end();
            return RequestBody::whole(whole, Some(self.share));
        }
        self.flush();
        if let Some(edit) = edit {
            model::splice(&mut self.frames, edit);
        }
        let is_lenient = self.is_lenient();
        let refuses_second_model = self.refuses_second_model();
        let reads_json = !self.is_unreadable && !self.reads_form();
        let scanner = reads_json.then_some(self.scanner);
        let models = self.models.filter(|_| !self.has_ended).map(ModelReader::late);
        let watcher = Watcher::resume(scanner, models, self.watch, is_lenient)
            .refusing_second_model(refuses_second_model);
        let watcher = watcher.with(splice).reporting_to(context);
        let rest = (!self.has_ended).then_some(self.body);
        RequestBody::peeked(self.frames, self.share, rest, self.trailers, watcher)
    }

    /// Returns true if the body has ended, and nothing of it is left to be checked or sent.
    fn is_checked(&self) -> bool {
        let is_over = self.has_ended || self.body.is_end_stream();
        is_over && self.trailers.is_none() && self.finish().is_ok()
    }

    /// A client that is still sending takes a reset for a broken connection and never sees the
    /// refusal. So the rest is read and dropped if its length is known and bearable.
    fn rest_is_worth_reading(&self) -> bool {
        let left = self.body.size_hint().upper();
        left.is_some_and(|left| left <= self.limit as u64)
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
        let advice = match self.peek_for {
            PeekFor::AnyModel => "Put `model` first.",
            _ => "Put `model` first, or use the provider's own path.",
        };
        messages::model_too_far(self.limit, advice)
    }
}

#[cfg(test)]
mod tests;
