//! What an answer has used that is read for several.

use bytes::Bytes;

use super::links::Links;
use crate::context::GatewayContext;
use crate::exchange::outlived;
use crate::usage::metering::Reader;
use crate::util::unwind;

/// Reads an answer to its end, kept or not, and tells the limits of the exchange that has asked for it.
pub(super) struct Metered {
    /// Of that exchange, which may be over by then.
    context: GatewayContext,
    reader: Reader,
    links: Option<Links>,
    /// All of it was read.
    is_read: bool,
}

impl Metered {
    pub(super) fn new(context: GatewayContext, reader: Reader) -> Self {
        let links = Links::of(context.operation());
        Self { context, reader, links, is_read: false }
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    pub(super) fn push(&mut self, data: &Bytes) {
        let Self { reader, links, .. } = self;
        match links {
            Some(links) => reader.push_seen(data, |plain| links.push(plain)),
            None => reader.push(data),
        }
    }

    /// Whether it says where something is to be fetched that was made.
    pub(super) fn tells_where_to_fetch(&self) -> bool {
        self.links.as_ref().is_some_and(Links::are_there)
    }

    /// It has ended as its framing says.
    pub(super) fn finish(&mut self) {
        self.reader.finish();
        self.is_read = true;
    }

    /// Whether it tells of an error already.
    pub(super) fn has_failed(&self) -> bool {
        self.reader.meter().is_some_and(|meter| meter.error().is_some())
    }

    /// Whether anybody wants to know it of an answer that is not kept.
    pub(super) fn is_limited(&self) -> bool {
        self.context.reserved().is_some()
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        let Self { context, reader, is_read, .. } = self;
        if let Some(reserved) = context.reserved() {
            // A store of the host's is called.
            let usage = || is_read.then(|| outlived::usage(context, reader)).flatten();
            let _ = unwind::call(|| reserved.answer_ended(context, usage()));
        }
    }
}
