//! The state of one request: what was tried, and what can be tried next.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower::BoxError;

use super::plan::{BodyModel, NamedModel, Plan};
use crate::TARGET;
use crate::context::step::Step;
use crate::control::classify::Rule;
use crate::control::replay::{RecordedRequest, ReplayBody};
use crate::control::silence::Silence;
use crate::control::verdict;
use crate::exchange::usage_option::AddedOption;
use crate::request::head::head_of_step;
use crate::routing::model::{Edit, escaped};
use crate::util::timeout::TimeoutError;

/// What was tried, and what is needed to try the next step.
pub(super) struct FallbackState<B> {
    /// The client's own request.
    pub(super) original: Arc<RecordedRequest<B>>,
    pub(super) plan: Plan,
    pub(super) rule: Rule,
    /// The body's model; `None` until the body was read for it.
    model: Option<BodyModel>,
    /// The current step.
    pub(super) step: usize,
    /// How long the client may be silent while its body is read for the model.
    silence: Silence,
}

impl<B> FallbackState<B> {
    pub(super) fn new(
        original: Arc<RecordedRequest<B>>,
        plan: Plan,
        rule: Rule,
        silence: Silence,
    ) -> Self {
        Self { original, plan, rule, model: None, step: 0, silence }
    }

    pub(super) fn set_step(&mut self, step: usize) {
        self.step = step;
        if let Some(context) = self.plan.context() {
            context.set_step(u32::try_from(step).unwrap_or(u32::MAX));
        }
    }

    /// The request of the next possible step.
    pub(super) fn next(&mut self) -> Option<Request<ReplayBody<B>>> {
        let found = {
            let steps = self.steps();
            (self.step..steps.len()).find_map(|at| {
                let step = steps.get(at)?;
                let recorded = self.request_of(step);
                if recorded.is_none() {
                    let provider = step.upstream.slug();
                    tracing::info!(target: TARGET, step = at + 1, provider, "a step cannot be taken");
                }
                Some((at + 1, recorded?))
            })
        };
        let (number, recorded) = found?;
        self.set_step(number);
        let mut request = recorded.request();
        verdict::mark_classified(&mut request, self.plan.context());
        Some(request)
    }

    fn named(&self) -> Option<&NamedModel> {
        match &self.model {
            Some(BodyModel::Named(model)) => Some(model),
            _ => None,
        }
    }

    /// The steps after the first, as far as they are known.
    fn steps(&self) -> &[Step] {
        if matches!(self.model, Some(BodyModel::Unclear)) {
            return &[];
        }
        self.plan.steps(self.named().map(|model| &*model.name))
    }

    fn must_look(&self) -> bool {
        self.model.is_none() && self.plan.needs_model()
    }

    fn request_of(&self, step: &Step) -> Option<Arc<RecordedRequest<B>>> {
        let context = self.plan.context();
        let first = match &self.plan {
            Plan::Gateway(context) => context.first_upstream()?,
            Plan::Own { alternatives, .. } => &alternatives.first,
        };
        let original = self.original.head.head();
        if let Some(entry) = &step.entry {
            let head = head_of_step(original, first, step, context, 0)?;
            return Some(RecordedRequest::of_bytes(head, entry.body.clone()));
        }
        let edit = match &step.model {
            None => None,
            Some(model) => {
                let named = self.named()?;
                Some(Edit { cut: named.span.clone(), insert: escaped(model) })
            }
        };
        let edits: Vec<_> = edit.into_iter().chain(self.without_option(step)).collect();
        let growth = edits.iter().map(Edit::growth).sum();
        Some(self.original.with_edits(head_of_step(original, first, step, context, growth)?, edits))
    }

    /// Removes the option that asks for usage, if the step's provider must not get it.
    fn without_option(&self, step: &Step) -> Option<Edit> {
        let added = self.original.head.extension::<AddedOption>()?;
        let place = added.place()?;
        let option = step.upstream.usage_option();
        let named = || self.named().map(|model| &*model.name);
        let model = step.model.as_deref().or_else(named);
        let is_kept = option.is_wanted(added.asks_all_providers()) && !option.is_refused(model);
        added.mark_sent(is_kept);
        (!is_kept).then_some(Edit { cut: place, insert: Bytes::new() })
    }

    /// Returns true if there may be another step.
    pub(super) fn may_go_on(&self) -> bool {
        let is_replayable = self.original.is_replayable();
        if self.must_look() {
            return is_replayable;
        }
        let mut left = self.steps().iter().skip(self.step);
        left.any(|step| step.entry.is_some() || is_replayable)
    }
}

impl<B> FallbackState<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Reads the body to its end if the possible steps depend on its model.
    pub(super) fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.must_look() {
            let frames = ready!(self.original.recording().poll_whole(cx));
            let model = frames.map(|frames| BodyModel::of(&frames));
            self.model = Some(model.unwrap_or(BodyModel::Unclear));
        }
        Poll::Ready(())
    }

    /// Like [`poll_look`](Self::poll_look), but not beyond the client's body timeout.
    pub(super) fn poll_look_in_time(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TimeoutError>> {
        if self.poll_look(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.silence.poll_over(self.original.recording().frames(), cx).map(Err)
    }

    /// Like [`may_go_on`](Self::may_go_on), but uses the model if the whole body has arrived.
    pub(super) fn may_go_on_as_far_as_known(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.may_go_on() {
            return false;
        }
        let _ = self.poll_look(cx);
        self.may_go_on()
    }
}
