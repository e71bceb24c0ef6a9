//! A request to look up, on its way from the layers outside of the cache.

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

/// The gateway or the request asks for the cache.
pub(in crate::control) struct Wanted(Asked);

/// Whether the gateway or the request asks for the cache.
pub(in crate::control) fn wanted<B>(
    request: &Request<B>,
    context: &GatewayContext,
) -> Option<Wanted> {
    let asked = asked(request, context);
    (!matches!(asked, Asked::Nothing)).then_some(Wanted(asked))
}

/// A request to look up, whose response is to be stored.
pub(in crate::control) struct Plan {
    policy: Arc<Policy>,
    /// Boxed, because a larger future is slower to allocate and to move.
    key: Box<KeyMaker>,
}

impl Wanted {
    /// `None` if the request bypasses the cache.
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
    /// Reads the body, which is part of the key. False: the request bypasses the cache. `patience`: how
    /// long the client may be silent.
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

    /// Where the response is stored. `budget`: counts the memory for responses.
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
