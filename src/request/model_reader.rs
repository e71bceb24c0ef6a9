//! Reads all models that a request body names, if a gateway restricts models.
//!
//! It reads the whole body on its way to the provider and keeps little. If it finds a forbidden
//! model too late to answer, it breaks the body off, so that the provider never gets a whole
//! request.

use std::cell::Cell;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use crate::context::GatewayContext;
use crate::json::nested::Passed;
use crate::json::object::ScanError;
use crate::json::places::Places;
use crate::json::trail::{Place, PlaceError};
use crate::request::allowance::Allowance;
use crate::request::form::{Form, FormError};
use crate::routing::Reach;
use crate::util::opaque::opaque_debug;

/// How much of a form is held while looking for its model. Small forms are refused before anything
/// is sent; large files are sent on, and may have their model at the end.
const HELD: usize = 64 * 1024;

/// More models than any request names that is no batch. Each is matched against all rules.
const MOST_NAMES: usize = 1024;

pub(crate) struct ModelReader {
    context: GatewayContext,
    reading: Reading,
    /// A body that names no model is refused.
    must_name: bool,
    /// The models are in the requests of a batch, which may be very many.
    is_batch: bool,
    /// The body is being sent: nothing else reads the model of a form.
    is_late: bool,
    seen: usize,
    /// How many models it has named, allowed or not.
    names: usize,
}

#[derive(Debug)]
enum Reading {
    Json(Places),
    Form(Form),
}

// The context identifies the caller.
opaque_debug!(ModelReader { reading });

impl ModelReader {
    pub(crate) fn json(context: &GatewayContext) -> Self {
        Self::json_behind(context, Reach::Named)
    }

    /// A reader for JSON on a path of this reach.
    pub(crate) fn json_behind(context: &GatewayContext, reach: Reach) -> Self {
        let reading = Reading::Json(Places::needing(reach.place()));
        let is_batch = reach.place() == Some(Place::Requests);
        let context = context.clone();
        Self { context, reading, must_name: false, is_batch, is_late: false, seen: 0, names: 0 }
    }

    /// A reader for a body with these headers, on a path of this reach. If the path requires the
    /// model in a certain place, forms are refused, because they have no such place.
    pub(crate) fn of(
        context: &GatewayContext,
        headers: &HeaderMap,
        reach: Reach,
        must_name: bool,
    ) -> Self {
        let mut reader = Self::json_behind(context, reach);
        let mut types = headers.get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes);
        if let (Some(only), None) = (types.next(), types.next())
            && reach.place().is_none()
            && let Some(form) = Form::of(only)
        {
            reader.reading = Reading::Form(form);
        }
        reader.must_name = must_name;
        reader
    }

    pub(crate) fn is_form(&self) -> bool {
        matches!(self.reading, Reading::Form(_))
    }

    /// The body is sent as it is read from now on.
    pub(crate) fn late(mut self: Box<Self>) -> Box<Self> {
        self.is_late = true;
        self
    }

    /// The model of a form, once it has passed.
    pub(crate) fn form_model(&self) -> Option<&str> {
        match &self.reading {
            Reading::Form(form) => form.model(),
            Reading::Json(_) => None,
        }
    }

    /// Returns true if the body has named an allowed model.
    pub(crate) fn has_named(&self) -> bool {
        match &self.reading {
            Reading::Json(places) => places.has_names(),
            Reading::Form(form) => form.model().is_some(),
        }
    }

    /// Returns true if the body may be sent on although more of it must be read.
    pub(crate) fn may_go_on(&self) -> bool {
        match &self.reading {
            Reading::Json(places) => self.is_batch && places.has_names(),
            Reading::Form(_) => self.seen > HELD,
        }
    }

    /// Reads the next bytes, of which another reader has `passed` a part. The reader must not be used
    /// after an error.
    pub(crate) fn push(&mut self, data: &[u8], passed: Passed) -> Result<(), ScanError> {
        let context = self.context.clone();
        self.push_for(Allowance::of(&context), data, passed)
    }

    /// Like [`push`](Self::push), with the rules for an entry of a universal request.
    pub(crate) fn push_for(
        &mut self,
        allowance: Allowance<'_>,
        data: &[u8],
        passed: Passed,
    ) -> Result<(), ScanError> {
        self.seen = self.seen.saturating_add(data.len());
        match &mut self.reading {
            Reading::Json(places) => {
                let most = if self.is_batch { usize::MAX } else { MOST_NAMES };
                let names = Cell::new(self.names);
                let allows = |name: &str, hides_a_model: bool| {
                    names.set(names.get() + 1);
                    match hides_a_model {
                        _ if names.get() > most => false,
                        true => allowance.allows_what_hides_a_model(name),
                        false => allowance.allows(name),
                    }
                };
                let pushed = places.push(data, passed, &allows);
                self.names = names.get();
                pushed.map_err(|error| match error {
                    PlaceError::Forbidden(_) if self.names > most => ScanError::TooManyModels,
                    PlaceError::Forbidden(member) => ScanError::Forbidden(member),
                    PlaceError::Unreadable(member) => ScanError::Unreadable(member),
                    PlaceError::Malformed => ScanError::Malformed,
                })
            }
            Reading::Form(form) => {
                let knew = form.model().is_some();
                form.push(data).map_err(|FormError| ScanError::AmbiguousForm)?;
                let is_forbidden = |name: &str| !allowance.allows(name);
                if self.is_late && !knew && form.model().is_some_and(is_forbidden) {
                    return Err(ScanError::Forbidden("model"));
                }
                if form.is_over() && self.must_name && form.model().is_none() {
                    return Err(ScanError::Unreadable("model"));
                }
                Ok(())
            }
        }
    }

    /// Checks the end of the body.
    pub(crate) fn finish(&self) -> Result<(), ScanError> {
        match &self.reading {
            // The scanner of the body checks this.
            Reading::Json(_) => Ok(()),
            Reading::Form(form) => form.finish().map_err(|FormError| ScanError::AmbiguousForm),
        }
    }
}
