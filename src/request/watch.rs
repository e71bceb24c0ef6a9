//! Watches a request body on its way to the provider.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use crate::context::GatewayContext;
use crate::exchange::request_state::RequestState;
use crate::json::object::{ObjectScanner, ScanError};
use crate::json::string;
use crate::request::add_usage::{Places, Splice};
use crate::request::model_reader::ModelReader;

/// Looks at the bytes of a request body as they pass.
#[derive(Debug)]
pub(crate) struct Watcher {
    /// `None` once the body has turned out not to be a JSON object.
    scanner: Option<ObjectScanner>,
    /// Reads all the models, where they are restricted.
    models: Option<Box<ModelReader>>,
    state: Arc<RequestState>,
    splice: Option<Splice>,
    /// Whatever the body holds, it is relayed.
    is_lenient: bool,
    /// Who is told that a limit has cut the body off.
    context: Option<GatewayContext>,
}

impl Watcher {
    /// Watches a body from its first byte.
    pub(crate) fn new(state: Arc<RequestState>) -> Self {
        Self::resume(Some(ObjectScanner::new()), None, state, true)
    }

    /// Goes on where the peek at the body has stopped. `is_lenient`: the body was not routed by its
    /// model, and is relayed whatever it holds.
    pub(crate) fn resume(
        scanner: Option<ObjectScanner>,
        models: Option<Box<ModelReader>>,
        state: Arc<RequestState>,
        is_lenient: bool,
    ) -> Self {
        Self { scanner, models, state, splice: None, is_lenient, context: None }
    }

    /// Asks for the usage of a stream on the way.
    pub(crate) fn with(mut self, splice: Option<Splice>) -> Self {
        if splice.is_none() {
            self.state.set_asks_for_usage(false);
        }
        self.splice = splice;
        self
    }

    /// Tells the exchange, too, that a limit has cut the body off.
    pub(crate) fn telling(mut self, context: &GatewayContext) -> Self {
        self.context = Some(context.clone());
        self
    }

    pub(crate) fn context(&self) -> Option<&GatewayContext> {
        self.context.as_ref()
    }

    /// What goes out before the client's next frame.
    pub(crate) fn ahead(&mut self) -> Option<Frame<Bytes>> {
        self.splice.as_mut()?.ahead()
    }

    /// The client's next data, as the provider is to get it.
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

    /// The client's body has ended, maybe with trailers: what goes out in their place.
    pub(crate) fn end(&mut self, trailers: Option<HeaderMap>) -> Option<Frame<Bytes>> {
        match &mut self.splice {
            Some(splice) => splice.end(trailers),
            None => trailers.map(Frame::trailers),
        }
    }

    /// The client's body has ended, and must not be polled again.
    pub(crate) fn has_ended(&self) -> bool {
        self.splice.as_ref().is_some_and(Splice::has_ended)
    }

    pub(crate) fn splice(&self) -> Option<&Splice> {
        self.splice.as_ref()
    }

    /// For bodies that are relayed whatever they hold.
    pub(crate) fn see(&mut self, data: &[u8]) {
        self.state.saw(data);
        let Some(scanner) = &mut self.scanner else { return };
        let is_sound = scanner.push(data).is_ok();
        self.state.stream.store(scanner.stream(), Ordering::Relaxed);
        if self.state.model().is_none()
            && let Some(model) = scanner.model()
        {
            self.state.set_model(string::decode(&model.raw).unwrap_or_default());
        }
        if !is_sound {
            self.scanner = None;
        }
    }

    /// For bodies that were routed by their model: what contradicts the routing is an error.
    pub(crate) fn check(&mut self, data: &[u8], is_last: bool) -> Result<(), ScanError> {
        if self.is_lenient {
            self.see(data);
            return Ok(());
        }
        self.state.saw(data);
        let mut checked = Ok(());
        if let Some(scanner) = &mut self.scanner {
            checked = scanner.push(data);
            if checked.is_ok() && is_last {
                checked = scanner.finish();
            }
            self.state.stream.store(scanner.stream(), Ordering::Relaxed);
        }
        if let Some(models) = &mut self.models {
            checked = checked.and_then(|()| models.push(data));
            if checked.is_ok() && is_last {
                checked = models.finish();
            }
            if let Some(model) = models.form_model().filter(|_| self.state.model().is_none()) {
                self.state.set_model(model.to_owned());
            }
        }
        checked.inspect_err(|error| self.state.refuse(*error))
    }

    /// Whether the JSON object has been seen to its end.
    pub(crate) fn has_all(&self) -> bool {
        self.is_lenient
            || self.scanner.as_ref().is_none_or(|scanner| scanner.finish().is_ok())
                && self.models.as_ref().is_none_or(|models| models.finish().is_ok())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.state.end();
    }
}
