//! Looks for the model in each frame that arrives.

use bytes::Bytes;
use http_body::Body;
use tower::BoxError;

use super::{Found, Peek};
use crate::json::nested::Passed;
use crate::json::object::ScanError;
use crate::json::string;
use crate::rejection::Rejection;
use crate::request::peek_for::PeekFor;
use crate::response::messages;
use crate::routing::model;
use crate::util::body_hint::is_over;

impl<B> Peek<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Like [`look_at`](Self::look_at), for forms.
    fn look_at_form(&mut self, data: Bytes) -> Result<Option<Found>, Rejection> {
        let Some(models) = &mut self.models else { return Ok(None) };
        let pushed = models.push(&data, Passed::default());
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

    pub(super) fn look_at(&mut self, data: Bytes) -> Result<Option<Found>, Rejection> {
        if self.reads_form() {
            return self.look_at_form(data);
        }
        let scanned = self.scanner.pass(&data);
        let read = match (&mut self.models, scanned) {
            (Some(models), Ok(passed)) => models.push(&data, passed),
            _ => Ok(()),
        };
        let is_any = self.peek_for == PeekFor::AnyModel;
        self.held += data.len();
        match scanned {
            Ok(_) => self.keep(data)?,
            // The provider decides what to do with the body, if the gateway may send it.
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
}
