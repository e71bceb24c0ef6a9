//! Guards that check a request that is otherwise ready.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use tower::BoxError;

use super::{BodyRouting, Reading};
use crate::context::GatewayContext;
use crate::exchange::request_state::RequestState;
use crate::hook::guard::{Guards, Subject};
use crate::rejection::Rejection;
use crate::request::guards::Checking;
use crate::request::stages::BodyChange;

/// Guards that check a request that is otherwise ready.
pub(super) struct Checks {
    pub(super) change: BodyChange,
    checking: Checking,
    /// What they will see, and how much of the body each, until that is read.
    unread: Option<(Subject, Vec<usize>)>,
}

impl Checks {
    pub(super) fn new(
        change: BodyChange,
        guards: &Guards,
        head: &HeaderMap,
        context: &GatewayContext,
    ) -> Result<Self, Rejection> {
        let mut checking = Checking::new(guards);
        let steps = (0..).map_while(|number| context.nth_step(number));
        let entries = steps.map_while(|step| step.entry.as_deref()).enumerate();
        let mut has_entries = false;
        for (number, entry) in entries {
            has_entries = true;
            let mut subject = Subject::new(context, Some(number), &entry.headers);
            subject.body = entry.body.clone();
            subject.is_whole = true;
            let limits = checking.limits(&subject)?;
            checking.add(subject, limits);
        }
        if has_entries {
            return Ok(Self { change, checking, unread: None });
        }
        let subject = Subject::new(context, None, head);
        let limits = checking.limits(&subject)?;
        Ok(Self { change, checking, unread: Some((subject, limits)) })
    }
}

impl<B> BodyRouting<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    #[cold]
    pub(super) fn poll_checks(
        &mut self,
        checks: &mut Checks,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Rejection>> {
        if let Some((_, limits)) = &checks.unread {
            let limit = limits.iter().copied().max().unwrap_or_default();
            if let Reading::Model(peek) = &mut self.reading
                && peek.poll_held(limit, cx)?.is_pending()
            {
                return self.poll_waits(cx).map(Err);
            }
        }
        if let Some((mut subject, limits)) = checks.unread.take() {
            let limit = limits.iter().copied().max().unwrap_or_default();
            if let Reading::Model(peek) = &mut self.reading {
                (subject.body, subject.is_whole) = peek.beginning(limit)?;
            }
            let watch = self.relay.watch.as_deref();
            if let Some(model) = watch.and_then(RequestState::model) {
                // Some paths name the model that is called, whatever the body says.
                let in_path = self.relay.context.model_in_path(Some(model));
                subject.model = Some(in_path.map_or_else(|| model.into(), String::into_boxed_str));
            }
            checks.checking.add(subject, limits);
        }
        checks.checking.poll(&mut self.relay.exchange, cx)
    }
}
