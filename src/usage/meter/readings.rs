//! What a [`Meter`] has read so far.

use std::borrow::Cow;

use super::Meter;
use crate::json::string;
use crate::usage::format::Format;
use crate::usage::problem::Problem;
use crate::usage::shape::Shape;
use crate::usage::terminal::Terminal;
use crate::usage::tokens::{Usage, UsagePart};

/// An error that the provider reports in the response body, whatever the status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderError {
    /// The provider's own code, at most 128 bytes of it. Its spelling changes between releases.
    pub code: Option<Box<str>>,
}

/// When a response with an id is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    /// It is complete and stored.
    Stored,
    /// It is generated in the background, and may be complete or not.
    Background,
    /// It is not complete yet.
    Pending,
}

impl Meter {
    /// The format of the body.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The known state of the response: its id, whether it is pending, and whether it runs in the
    /// background.
    #[cfg(test)]
    pub(in crate::usage) fn state(&self) -> (Option<&str>, bool, bool) {
        (self.id.as_deref(), self.is_background, self.is_pending)
    }

    /// The shape of the body.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The tokens and costs seen so far.
    pub fn usage(&self) -> Option<Usage> {
        let Some(reported) = self.scanner.event().bill() else {
            self.images?;
            return Some(Usage { images: self.images, ..Usage::default() });
        };
        let mut usage = Usage::new(reported, self.shape);
        if !self.parts.is_empty() {
            usage = Usage::sum(&self.parts, &usage);
        }
        usage.images = self.images.or(usage.images);
        self.grounding.add_to(&mut usage);
        Some(usage)
    }

    /// The model that the response names.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Like [`model`](Self::model), without waiting for the end of a JSON body.
    pub(crate) fn model_so_far(&self) -> Option<Cow<'_, str>> {
        match &self.model {
            Some(model) => Some(Cow::Borrowed(model)),
            None => string::decode(self.scanner.model_so_far()?).map(Cow::Owned),
        }
    }

    /// The service tier that the response names.
    pub fn service_tier(&self) -> Option<&str> {
        self.service_tier.as_deref()
    }

    /// The usage of each model if there were several. They add up to the usage.
    pub fn parts(&self) -> &[UsagePart] {
        &self.parts
    }

    /// The region that the response names.
    pub fn region(&self) -> Option<&str> {
        self.scanner.event().region()
    }

    /// The speed that the response names.
    pub fn speed(&self) -> Option<&str> {
        self.scanner.event().speed()
    }

    /// The id of a response that can be fetched later, and whether to expect that.
    pub(crate) fn later(&self) -> Option<(&str, Later)> {
        let is_stored = matches!(self.shape, Shape::Responses | Shape::Interactions);
        let id = self.id.as_deref().filter(|_| is_stored)?;
        let later = match self.format {
            _ if self.is_background => Later::Background,
            // A stream that is not in the background is complete at its end.
            Format::Json if self.is_pending => Later::Pending,
            _ => Later::Stored,
        };
        Some((id, later))
    }

    /// Returns true if the response says that it is not complete yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.is_pending
    }

    /// Returns true if a document says that it is not complete yet.
    #[cfg(feature = "cache")]
    pub(crate) fn is_unfinished(&self) -> bool {
        self.is_pending && self.format == Format::Json
    }

    /// Returns true if a fetched response was not complete when its request was answered.
    pub(crate) fn is_made_later(&self) -> bool {
        !self.is_pending && (self.is_background || self.shape == Shape::AsyncPerplexity)
    }

    /// The size of the images or the video, as in the response.
    pub fn image_size(&self) -> Option<&str> {
        str::from_utf8(self.look.as_ref()?[0].whole()?).ok()
    }

    /// The quality of the images, as in the response.
    pub fn image_quality(&self) -> Option<&str> {
        str::from_utf8(self.look.as_ref()?[1].whole()?).ok()
    }

    /// The first terminal marker.
    pub fn terminal(&self) -> Option<Terminal> {
        self.terminal
    }

    /// Returns true if an event with non-empty content has passed. Always false for a JSON body.
    pub fn has_content(&self) -> bool {
        self.has_content
    }

    /// The number of events with a delta, from the first with content on.
    pub fn content_events(&self) -> u64 {
        self.deltas.count()
    }

    /// The last error of the provider.
    pub fn error(&self) -> Option<&ProviderError> {
        self.error.as_ref()
    }

    /// Why metering stopped early.
    pub fn problem(&self) -> Option<Problem> {
        self.problem
    }

    /// Returns true if the bytes so far are incomplete.
    pub fn is_cut(&self) -> bool {
        match &self.framing {
            Some(framing) => framing.is_cut(),
            None => self.format == Format::Json && self.scanner.is_within(),
        }
    }

    /// Returns true if the body consists of several documents. For a JSON array this is known from
    /// its first byte on.
    pub fn is_stream(&self) -> bool {
        match &self.framing {
            Some(framing) => framing.is_stream() || self.shape == Shape::GenerateContent,
            None => self.format == Format::Sse,
        }
    }
}
