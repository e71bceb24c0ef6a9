//! The parts of a call that layers enable, and the choice of its base URL and key.

use http::Request;

use crate::context::GatewayContext;
use crate::control::balance::{Order, Picked, pick};
#[cfg(feature = "cache")]
use crate::control::cache::Caching;
use crate::control::concurrency::{Limiter, Permit};
use crate::control::health::{Candidates, Handle, Tracked, Unavailable};
#[cfg(feature = "limits")]
use crate::control::limits::Limits;
use crate::control::pins::ResponseReader;
use crate::directives::timeouts::Timeouts;
use crate::util::operation::Operation;

/// The parts that a layer enables.
#[derive(Debug)]
pub(in crate::control) struct Parts {
    pub(in crate::control) health: Option<Handle>,
    pub(in crate::control) limiter: Option<Limiter>,
    /// Timeouts of each call, with the deadline of the exchange.
    pub(in crate::control) timeouts: Option<Timeouts>,
    /// Limits of what callers may use.
    #[cfg(feature = "limits")]
    pub(in crate::control) limits: Option<Limits>,
    /// Here because the services above are cloned for each request; `None` if they have no cache.
    #[cfg(feature = "cache")]
    pub(in crate::control) caching: Option<Caching>,
}

impl Parts {
    /// Chooses the base URL and key of a request, or says why none can be used.
    pub(super) fn choose<B>(
        &self,
        request: &mut Request<B>,
        context: Option<&GatewayContext>,
    ) -> Result<Choice, Unavailable> {
        let Some(health) = &self.health else { return Ok((None, None)) };
        let (candidates, pins) = {
            let health = health.read();
            let candidates = health.candidates(request, context, self.limiter.as_ref());
            let is_several = matches!(candidates, Candidates::Several(..));
            (candidates, is_several.then(|| health.pins.clone()))
        };
        match candidates {
            Candidates::Unwatched => Ok((None, None)),
            Candidates::One(only, now) => {
                let tracked = only.begin(now).map_err(|blocked| blocked.as_error(now))?;
                Ok((Some(tracked), None))
            }
            Candidates::Several(all, choices, now) => {
                let context = choices.context();
                let stays = context.conversation().zip(pins);
                let order = stays.as_ref().map(|(conversation, pins)| {
                    let stored =
                        context.provider().and_then(|provider| conversation.stored(provider));
                    Order::of(conversation, stored.and_then(|response| pins.get(response)))
                });
                let order = order.unwrap_or_default();
                let picked = pick(&all, &order, now, &mut fastrand::Rng::new())?;
                let Picked { index, mut tracked, permit, affinity } = picked;
                if let (Some((conversation, pins)), Some(picked)) = (stays, all.get(index)) {
                    conversation.tries(picked.id, affinity);
                    if makes_response(context) {
                        tracked.set_response_reader(ResponseReader::new(
                            pins,
                            picked.id,
                            context.clone(),
                        ));
                    }
                }
                choices.take(index, request);
                Ok((Some(tracked), permit))
            }
        }
    }
}

/// Returns true if the provider may store the response for later requests.
fn makes_response(context: &GatewayContext) -> bool {
    context.operation() == Operation::Responses && context.is_call()
}

/// The tracked call, and the permit of its key.
pub(super) type Choice = (Option<Tracked>, Option<Permit>);
