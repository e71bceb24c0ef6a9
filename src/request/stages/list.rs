//! Answers a request for the list of models.

use super::Prepared;
use crate::hook::Outcome;
use crate::request::catalogue;
use crate::request::stages::Shared;
use crate::response::relay::ResponseRelay;
use crate::routing::{Route, RouteKind};

impl Shared {
    /// Answers with the gateway's models, or with the one that the path names.
    #[cold]
    pub(super) fn list(&self, route: &Route<'_>, relay: ResponseRelay) -> Prepared {
        let context = relay.context.clone();
        let RouteKind::Models { id } = route.kind else { return Prepared::Send(relay) };
        let id = id.map(|id| id.text(context.path()));
        let prices = self.observation.prices.current();
        let answer = catalogue::answer(&context, self.providers_of(&context), &prices, id);
        Prepared::Answered(Box::new(match answer {
            Ok(json) => relay.serve(json),
            Err(refused) => relay.answer(refused, Outcome::Rejected),
        }))
    }
}
