//! Whether to make a request's stream report its usage.

use std::sync::Arc;

use http::Request;

use crate::context::GatewayContext;
use crate::exchange::request_state::RequestState;
use crate::exchange::usage_option::AddedOption;
use crate::provider::Upstream;
use crate::request::add_usage::Splice;
use crate::request::stages::Shared;
use crate::routing::model::Edit;
use crate::util::operation::Operation;

impl Shared {
    /// Returns true if the head allows it. The body may still not.
    pub(super) fn may_ask_for_usage<B>(
        &self,
        context: &GatewayContext,
        request: &Request<B>,
    ) -> bool {
        let is_wanted = |to: &Arc<Upstream>| to.usage_option().is_wanted(self.asks_for_usage);
        context.upstream().is_some_and(is_wanted)
            && matches!(context.operation(), Operation::Chat | Operation::Completions)
            && Splice::suits(context.method(), request.uri(), request.headers())
    }

    /// What adds the option to the body, if the head [allows it](Self::may_ask_for_usage). `edit`
    /// is an earlier edit of the body.
    pub(super) fn ask_for_usage<B>(
        &self,
        context: &GatewayContext,
        request: &mut Request<B>,
        edit: Option<&Edit>,
        watch: &Arc<RequestState>,
    ) -> Option<Splice> {
        let upstream = context.upstream()?.clone();
        let is_on_trial = upstream.usage_option().is_on_trial();
        // Only a control layer can send the request again without the option.
        let added = (crate::HAS_CONTROL_LAYERS && (is_on_trial || context.may_fall_back()))
            .then(|| AddedOption::new(watch.clone(), self.asks_for_usage));
        if let Some(added) = &added {
            request.extensions_mut().insert(added.clone());
            context.set_may_be_refused();
        }
        Some(Splice::new(request.headers_mut(), edit).to(upstream, added))
    }
}
