//! The usage of a response that several requests read.

use std::sync::Arc;

use bytes::Bytes;

use super::counts::{Continued, Counts};
use super::links::Links;
use crate::context::GatewayContext;
use crate::context::reserved::AnswerUsage;
use crate::exchange::outlived;
use crate::usage::metering::Reader;
use crate::util::unwind;

/// Reads the usage of a response, stored or not, and reports it to the limits of the leader's exchange.
pub(super) struct Metered {
    /// The context of the leader's exchange, which may have ended by then.
    context: GatewayContext,
    reader: Reader,
    links: Option<Links>,
    /// Whether the response was read to its end.
    is_read: bool,
    /// `Some`: the response goes on without the leader's client, and its usage is counted here.
    continued: Option<Arc<Counts>>,
}

impl Metered {
    pub(super) fn new(context: GatewayContext, reader: Reader) -> Self {
        let links = Links::of(context.operation());
        Self { context, reader, links, is_read: false, continued: None }
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

    /// Whether the response links to its result.
    pub(super) fn tells_where_to_fetch(&self) -> bool {
        self.links.as_ref().is_some_and(Links::are_there)
    }

    /// The response has ended as its framing says.
    pub(super) fn finish(&mut self) {
        self.reader.finish();
        self.is_read = true;
    }

    /// Whether the response has reported an error.
    pub(super) fn has_failed(&self) -> bool {
        self.reader.meter().is_some_and(|meter| meter.error().is_some())
    }

    /// The leader's client leaves, and followers may read on.
    pub(super) fn outlives(&mut self, counts: &Arc<Counts>) {
        // After the marker of the end, the usage is complete.
        let is_whole = self.reader.meter().is_some_and(|meter| meter.terminal().is_some());
        self.continued = (!is_whole).then(|| counts.clone());
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        let Self { context, reader, is_read, continued, .. } = self;
        let reserved = context.reserved();
        if reserved.is_none() && continued.is_none() {
            return;
        }
        let usage = is_read.then(|| unwind::call(|| outlived::usage(context, reader)).ok());
        let usage = usage.flatten().flatten();
        if let Some(counts) = continued
            && let Some(AnswerUsage::Reported { usage, cost, .. }) = &usage
        {
            let Continued { calls, input_tokens, output_tokens, cost_ticks } = &counts.continued;
            calls.add();
            input_tokens.add_many(usage.input().unwrap_or_default());
            output_tokens.add_many(usage.output().unwrap_or_default());
            cost_ticks.add_many(cost.map_or(0, |cost| cost.ticks));
        }
        if let Some(reserved) = reserved {
            // The limits may call a store of the host, which may panic.
            let _ = unwind::call(|| reserved.answer_ended(context, usage));
        }
    }
}
