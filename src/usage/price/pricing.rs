//! [`Pricing`]: what a price depends on, except the usage.

use std::time::SystemTime;

use crate::usage::table::is_same_model;
use crate::util::operation::Operation;
use crate::util::segment_behind::segment_behind;

/// What a price depends on, except the usage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pricing<'a> {
    /// The slug of the provider.
    pub(crate) provider: &'a str,
    /// The slug of the built-in provider that it is; `None` for a custom one.
    pub(crate) kind: Option<&'a str>,
    /// The model in the response, or else in the request.
    pub(crate) model: &'a str,
    /// The model in the request.
    pub(crate) asked: Option<&'a str>,
    /// The model in the request is the one that answers, whatever the response calls it.
    pub(crate) serves_asked: bool,
    pub(crate) operation: Operation,
    /// The path after the provider's slug, without a query.
    pub(crate) path: &'a str,
    /// The tier in the response: the requested one may not have been granted.
    pub(crate) service_tier: Option<&'a str>,
    /// The host that served the request.
    pub(crate) host: &'a str,
    /// The region in the response (`inference_geo` of Messages).
    pub(crate) region: Option<&'a str>,
    /// The speed in the response (`speed` of Messages).
    pub(crate) speed: Option<&'a str>,
    /// The size of images in the response, such as `1024x1024`.
    pub(crate) image_size: Option<&'a str>,
    /// The quality of images in the response, such as `high`.
    pub(crate) image_quality: Option<&'a str>,
    /// The time of the request, for prices that change with the hour.
    pub(crate) at: SystemTime,
    /// The request was one of a batch.
    pub(crate) batch: bool,
}

impl<'a> Pricing<'a> {
    /// Returns true if the price of the model that was asked is that of the model that answers.
    #[cold]
    pub(in crate::usage) fn is_of(&self, asked: &str) -> bool {
        self.serves_asked || is_same_model(asked, self.model)
    }

    pub(super) fn tier(&self) -> Option<&'a str> {
        if self.batch { Some("batch") } else { self.service_tier }
    }

    /// Returns true if the price of the media that a call makes or reads is its whole price.
    pub(super) fn is_of_media(&self) -> bool {
        use Operation::{Images, Ocr, Rerank, Speech, Transcription, Videos};
        matches!(self.operation, Images | Ocr | Rerank | Speech | Transcription | Videos)
    }

    /// Returns true for OpenAI's decisions, which bill only their input.
    pub(super) fn has_free_output(&self) -> bool {
        self.kind == Some("openai") && self.path.trim_end_matches('/').ends_with("decisions")
    }

    pub(super) fn makes_images(&self) -> bool {
        self.operation == Operation::Images
    }

    /// Returns true for edits, whose price depends on input and output images.
    pub(super) fn is_edit(&self) -> bool {
        self.makes_images() && segment_behind(self.path, "images") == Some("edits")
    }
}
