//! A request whose answer is to be looked up, between the layers outside of the cache and its own.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower::BoxError;

use super::asked::{Asked, Policy, asked};
use super::caching::Caching;
use super::collect::collect;
use super::key::KeyMaker;
use super::store::Generation;
use super::target::Target;
use super::wait::Wait;
use crate::context::GatewayContext;
use crate::control::replay::Read;
use crate::util::budget::{BodyBudget, Held};
use crate::util::timeout::TimeoutError;

/// Somebody has asked for the cache.
pub(in crate::control) struct Wanted(Asked);

/// Whether somebody has asked for the cache.
pub(in crate::control) fn wanted<B>(
    request: &Request<B>,
    context: &GatewayContext,
) -> Option<Wanted> {
    let asked = asked(request, context);
    (!matches!(asked, Asked::Nothing)).then_some(Wanted(asked))
}

/// A request whose answer is to be looked up, and kept.
pub(in crate::control) struct Plan {
    policy: Arc<Policy>,
    /// Boxed: a future that is larger is slower to allocate and to move.
    key: Box<KeyMaker>,
}

impl Wanted {
    /// `None` for a request that is not for the cache, though somebody has asked.
    pub(in crate::control) fn plan<B>(
        self,
        request: &Request<B>,
        context: &GatewayContext,
    ) -> Option<Plan> {
        let Self(Asked::Keep(policy)) = self else { return None };
        let key = Box::new(KeyMaker::new(request, context, &policy));
        Some(Plan { policy, key })
    }
}

impl Plan {
    /// Reads the body, for it is in the key. False: the request is not for the cache. `patience`: how long
    /// the client may be silent.
    pub(in crate::control) async fn collect<B>(
        &mut self,
        body: &mut Read<B>,
        held: Held,
        patience: Option<Duration>,
    ) -> Result<bool, TimeoutError>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        collect(body, self.policy.most_request_bytes, &mut self.key, held, patience).await
    }

    /// Where its answer is kept. `budget`: counts what is held of answers that others have asked for.
    pub(in crate::control) fn target(
        self,
        caching: &Caching,
        context: GatewayContext,
        budget: BodyBudget,
        wait: Wait,
    ) -> Target {
        Target {
            place: self.key.finish(&context),
            generation: Generation::default(),
            seal: None,
            closed: 0,
            policy: self.policy,
            context,
            writer: caching.writer().clone(),
            wait,
            budget,
            is_alone: AtomicBool::default(),
            has_waited: AtomicBool::default(),
        }
    }
}
