//! Watches a request body on its way to the provider.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use crate::context::GatewayContext;
use crate::exchange::request_state::RequestState;
use crate::json::nested::Passed;
use crate::json::object::{ObjectScanner, ScanError};
use crate::json::string;
use crate::request::add_usage::{Places, Splice};
use crate::request::model_reader::ModelReader;

/// Reads the bytes of a request body as they pass.
#[derive(Debug)]
pub(crate) struct Watcher {
    /// `None` once the body has turned out not to be a JSON object.
    scanner: Option<ObjectScanner>,
    /// Reads all models, if they are restricted.
    models: Option<Box<ModelReader>>,
    state: Arc<RequestState>,
    splice: Option<Splice>,
    /// The body is relayed whatever it holds.
    is_lenient: bool,
    /// A lenient body is refused all the same if it may name two models and rules use one.
    refuses_second_model: bool,
    /// Notified if a limit has cut the body off.
    context: Option<GatewayContext>,
}

impl Watcher {
    /// Watches a body from its first byte. Constructed in its place, because a watcher is large.
    pub(crate) fn boxed(
        state: Arc<RequestState>,
        splice: Option<Splice>,
        context: &GatewayContext,
    ) -> Box<Self> {
        let scanner = Some(ObjectScanner::new());
        let mut watcher = Box::write(Box::new_uninit(), Self::resume(scanner, None, state, true));
        if splice.is_none() {
            watcher.state.set_asks_for_usage(false);
        }
        watcher.splice = splice;
        watcher.context = Some(context.clone());
        watcher
    }

    /// Continues where the peek at the body has stopped. `is_lenient`: the body was not routed by its
    /// model, and is relayed whatever it holds.
    pub(crate) fn resume(
        scanner: Option<ObjectScanner>,
        models: Option<Box<ModelReader>>,
        state: Arc<RequestState>,
        is_lenient: bool,
    ) -> Self {
        let refuses_second_model = false;
        Self {
            scanner,
            models,
            state,
            splice: None,
            is_lenient,
            refuses_second_model,
            context: None,
        }
    }

    /// Whether to refuse a second model, because rules use the first.
    pub(crate) fn refusing_second_model(mut self, yes: bool) -> Self {
        self.refuses_second_model = yes;
        self
    }

    /// Adds the option that asks for stream usage.
    pub(crate) fn with(mut self, splice: Option<Splice>) -> Self {
        if splice.is_none() {
            self.state.set_asks_for_usage(false);
        }
        self.splice = splice;
        self
    }

    /// Also notifies the exchange if a limit has cut the body off.
    pub(crate) fn reporting_to(mut self, context: &GatewayContext) -> Self {
        self.context = Some(context.clone());
        self
    }

    pub(crate) fn context(&self) -> Option<&GatewayContext> {
        self.context.as_ref()
    }

    /// What to send before the client's next frame.
    pub(crate) fn ahead(&mut self) -> Option<Frame<Bytes>> {
        self.splice.as_mut()?.ahead()
    }

    /// The client's next data, as the provider gets it.
    pub(crate) fn spliced(&mut self, mut data: Bytes) -> Bytes {
        if let Some(splice) = &mut self.splice {
            let scanner = self.scanner.as_ref();
            let places = scanner.map_or_else(Places::default, |scanner| Places {
                brace: scanner.place_of_stream_options(),
                options: scanner.stream_options(),
            });
            let model = scanner.and_then(ObjectScanner::model);
            let model = model.and_then(|model| str::from_utf8(&model.raw).ok());
            if splice.data(&mut data, places, model) {
                self.state.set_asks_for_usage(true);
            }
        }
        data
    }

    /// Ends the client's body, perhaps with trailers. Returns what to send instead.
    pub(crate) fn end(&mut self, trailers: Option<HeaderMap>) -> Option<Frame<Bytes>> {
        match &mut self.splice {
            Some(splice) => splice.end(trailers),
            None => trailers.map(Frame::trailers),
        }
    }

    /// Returns true if the client's body has ended and must not be polled again.
    pub(crate) fn has_ended(&self) -> bool {
        self.splice.as_ref().is_some_and(Splice::has_ended)
    }

    pub(crate) fn splice(&self) -> Option<&Splice> {
        self.splice.as_ref()
    }

    /// Reads data of a body that is relayed whatever it holds.
    pub(crate) fn see(&mut self, data: &[u8]) {
        let _ = self.look(data);
    }

    #[inline]
    fn look(&mut self, data: &[u8]) -> Result<(), ScanError> {
        self.state.saw(data);
        let Some(scanner) = &mut self.scanner else { return Ok(()) };
        let scanned = scanner.push(data);
        self.state.stream.store(scanner.stream(), Ordering::Relaxed);
        if self.state.model().is_none() {
            let model = match &self.splice {
                None => scanner.take_model().and_then(|model| string::into_text(model.raw)),
                // The splice needs the model, too, so leave it in the scanner.
                Some(_) => scanner.model().and_then(|model| string::decode(&model.raw)),
            };
            if let Some(model) = model {
                self.state.set_model(model);
            }
        }
        if scanned.is_err() {
            self.scanner = None;
        }
        scanned
    }

    /// Reads data of a body that was routed by its model: contradicting that model is an error.
    pub(crate) fn check(&mut self, data: &[u8], is_last: bool) -> Result<(), ScanError> {
        if self.is_lenient {
            let has_model = self.state.model().is_some();
            return match self.look(data) {
                Err(error) if self.refuses_second_model && hides_second_model(error, has_model) => {
                    self.state.refuse(error);
                    Err(error)
                }
                _ => Ok(()),
            };
        }
        self.state.saw(data);
        let (mut checked, mut passed) = (Ok(()), Passed::default());
        if let Some(scanner) = &mut self.scanner {
            checked = scanner.pass(data).map(|found| passed = found);
            if checked.is_ok() && is_last {
                checked = scanner.finish();
            }
            self.state.stream.store(scanner.stream(), Ordering::Relaxed);
        }
        if let Some(models) = &mut self.models {
            checked = checked.and_then(|()| models.push(data, passed));
            if checked.is_ok() && is_last {
                checked = models.finish();
            }
            if let Some(model) = models.form_model().filter(|_| self.state.model().is_none()) {
                self.state.set_model(model.to_owned());
            }
        }
        checked.inspect_err(|error| self.state.refuse(*error))
    }

    /// Returns true if the JSON object is complete.
    pub(crate) fn has_all(&self) -> bool {
        self.is_lenient
            || self.scanner.as_ref().is_none_or(|scanner| scanner.finish().is_ok())
                && self.models.as_ref().is_none_or(|models| models.finish().is_ok())
    }
}

/// Returns true if the body may name another model than the one that rules use. `has_model`: rules have
/// one. The scanner stops at malformed JSON, but a lenient provider may read on.
pub(super) fn hides_second_model(error: ScanError, has_model: bool) -> bool {
    has_model || error == ScanError::DuplicateModel
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.state.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_second_model_does_not_evade_a_limit() {
        let check = |refuses: bool, second: &[u8]| {
            let mut scanner = ObjectScanner::new();
            scanner.push(br#"{"model":"cheap","#).unwrap();
            let watcher = Watcher::resume(Some(scanner), None, Arc::default(), true);
            watcher.refusing_second_model(refuses).check(second, true)
        };
        let second = br#""model":"dear"}"#;
        assert_eq!(check(true, second), Err(ScanError::DuplicateModel));
        assert_eq!(check(false, second), Ok(()));
        assert_eq!(check(true, b"no json"), Ok(()));
    }

    #[test]
    fn malformed_json_after_the_model_does_not_evade_a_limit() {
        let check = |refuses: bool| {
            let mut scanner = ObjectScanner::new();
            scanner.push(br#"{"model":"cheap","#).unwrap();
            let state = Arc::<RequestState>::default();
            state.set_model("cheap".to_owned());
            let watcher = Watcher::resume(Some(scanner), None, state, true);
            let mut watcher = watcher.refusing_second_model(refuses);
            let first = watcher.check(br"/**/", false);
            first.and_then(|()| watcher.check(br#""model":"dear"}"#, true))
        };
        assert_eq!(check(true), Err(ScanError::Malformed));
        assert_eq!(check(false), Ok(()));
    }

    #[test]
    fn a_model_that_cannot_be_decoded_is_unknown() {
        let state = Arc::<RequestState>::default();
        let scanner = Some(ObjectScanner::new());
        Watcher::resume(scanner, None, state.clone(), true).see(b"{\"model\":\"grok-4\xff\"}");
        assert_eq!(state.model(), None);
    }
}
