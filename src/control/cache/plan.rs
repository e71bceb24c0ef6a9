//! A request to look up, on its way from the layers outside of the cache.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower::BoxError;

use super::asked::{Asked, Policy, asked};
use super::collect::collect;
use super::key::{CachePlace, KeyMaker};
use crate::context::GatewayContext;
use crate::control::replay::Read;
use crate::util::budget::Held;
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
    pub(in crate::control) policy: Arc<Policy>,
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

    /// Where the entry is, once the body is read.
    pub(in crate::control) fn place(&mut self, context: &GatewayContext) -> CachePlace {
        self.key.finish(context)
    }
}
