//! One call to one of several candidates, from its admission to the end of its response body.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::account::{Account, InFlight};
use super::blame::Blame;
use super::change::Listener;
use super::choice::{Blocked, Load, choose};
use super::error::{Unavailable, UnavailableReason};
use super::permit::{Answered, Breaker, Permit};
use super::settings::CoolDownSettings;
use crate::context::GatewayContext;
use crate::control::held::{Handle, Held};
use crate::hook::Failure;
use crate::response::failure;

/// An upstream and a credential that a call could use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidate {
    /// Where failures are counted, if they are.
    pub(crate) breaker: Option<Arc<Breaker>>,
    /// Where the cool-down of the key is, and its load, if they matter.
    pub(crate) account: Option<Arc<Account>>,
    /// Where the load of all keys is, if it is that which matters.
    pub(crate) load: Option<Arc<Account>>,
    /// Where the calls with the key are counted of which there may be only so many.
    pub(crate) limited: Option<(Arc<Account>, usize)>,
    /// The share of the calls; see [`Load::weight`].
    pub(crate) weight: u32,
    /// Who is told of changes.
    pub(crate) gateway: Listener,
}

/// A call that may be made to the candidate of that index.
pub(crate) fn pick(
    candidates: &[Candidate],
    now: Instant,
    rng: &mut fastrand::Rng,
) -> Result<(usize, Call), Unavailable> {
    if let [only] = candidates {
        return only.admit(now).map(|call| (0, call)).map_err(|blocked| blocked.as_error(now));
    }
    let mut loads: Vec<_> = candidates.iter().map(|candidate| candidate.load(now)).collect();
    pick_by(candidates, &mut loads, now, rng)
}

/// Goes by what the loads were a moment ago.
fn pick_by(
    candidates: &[Candidate],
    loads: &mut [Load],
    now: Instant,
    rng: &mut fastrand::Rng,
) -> Result<(usize, Call), Unavailable> {
    loop {
        let index = choose(loads, rng).map_err(|soonest| match soonest {
            Some(blocked) => blocked.as_error(now),
            None => Unavailable { after: Duration::ZERO, reason: UnavailableReason::CircuitOpen },
        })?;
        match candidates[index].admit(now) {
            Ok(call) => return Ok((index, call)),
            // Another call was faster to become the one probe.
            Err(blocked) => loads[index].blocked = Some(blocked),
        }
    }
}

impl Candidate {
    fn load(&self, now: Instant) -> Load {
        let account = self.load.as_ref().or(self.account.as_ref());
        let in_flight = account.map_or(0, |account| account.in_flight());
        let blocked = self.blocked(now).or_else(|| self.is_full().then(|| Blocked::full(now)));
        Load { weight: self.weight, in_flight, blocked }
    }

    fn blocked(&self, now: Instant) -> Option<Blocked> {
        let open = self.breaker.as_ref().and_then(|breaker| breaker.check(now).err());
        let open = open.map(|open| Blocked::open(open.until));
        // Both must be over.
        self.cooling(now).into_iter().chain(open).max_by_key(|blocked| blocked.until)
    }

    fn cooling(&self, now: Instant) -> Option<Blocked> {
        let until = self.account.as_ref()?.cooling_until(now)?;
        Some(Blocked { until, reason: UnavailableReason::CoolingDown })
    }

    fn is_full(&self) -> bool {
        self.limited.as_ref().is_some_and(|(account, limit)| account.in_flight() >= *limit)
    }

    fn admit(&self, now: Instant) -> Result<Call, Blocked> {
        // Asked first, for it takes no place.
        if self.cooling(now).is_some()
            && let Some(blocked) = self.blocked(now)
        {
            return Err(blocked);
        }
        let limited = match &self.limited {
            Some((account, limit)) => {
                Some(Held::new(account.try_enter(*limit).ok_or_else(|| Blocked::full(now))?))
            }
            None => None,
        };
        let permit = match &self.breaker {
            Some(breaker) => {
                let permit = breaker.admit(now, &self.gateway);
                Some(permit.map_err(|open| Blocked::open(open.until))?)
            }
            None => None,
        };
        let enter = |account: &Option<Arc<Account>>| account.as_ref().map(Account::enter);
        let open = Open { key: enter(&self.account), _load: enter(&self.load), limited };
        Ok(Call { permit, answered: None, open, gateway: self.gateway.clone(), context: None })
    }
}

impl Blocked {
    fn open(until: Instant) -> Self {
        Self { until, reason: UnavailableReason::CircuitOpen }
    }

    /// Nobody knows until when.
    fn full(now: Instant) -> Self {
        Self { until: now, reason: UnavailableReason::AtLimit }
    }

    fn as_error(self, now: Instant) -> Unavailable {
        let after = self.until.saturating_duration_since(now);
        Unavailable { after, reason: self.reason }
    }
}

/// A call from its admission until its response body is over, or nobody wants it. Dropped without a
/// verdict, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Call {
    /// Until the response head has come.
    permit: Option<Permit>,
    /// Since then.
    answered: Option<Since>,
    open: Open,
    gateway: Listener,
    /// Whose timeouts hold, where it is a gateway's.
    context: Option<GatewayContext>,
}

/// A verdict that may be taken back.
#[derive(Debug)]
enum Since {
    Own(Answered),
    /// Somebody reads the body to see whether it is an answer.
    Shared(Held<Answered>),
}

/// Where an exchange counts until its end.
#[derive(Debug)]
struct Open {
    key: Option<InFlight>,
    _load: Option<InFlight>,
    limited: Option<Held<InFlight>>,
}

impl Call {
    pub(crate) fn of(mut self, context: Option<&GatewayContext>) -> Self {
        self.context = context.cloned();
        self
    }

    /// Whether an error says that the upstream is not well. It does not where the client broke its
    /// request off or was less patient than the host, nor where a layer below refused to send.
    pub(crate) fn blames_upstream<E: 'static>(&self, error: &E) -> bool {
        let is_clients = || {
            let timeout = failure::timeout_of_any(error);
            timeout.zip(self.context.as_ref()).is_some_and(|(timeout, of)| of.is_clients(&timeout))
        };
        if failure::refusal_of_any(error).is_some() {
            return false;
        }
        match failure::of_any(error) {
            Failure::RequestBody
            | Failure::UnreadTimeout
            | Failure::Overloaded
            | Failure::CircuitOpen
            | Failure::CoolingDown
            | Failure::NoKey
            | Failure::KeySource
            | Failure::ModelNotAllowed => false,
            Failure::ConnectTimeout | Failure::HeadTimeout | Failure::IdleTimeout => !is_clients(),
            _ => true,
        }
    }

    /// No response came, and that is the upstream's fault.
    pub(crate) fn failed(self, now: Instant) {
        if let Some(permit) = self.permit {
            permit.failure(now, &self.gateway);
        }
    }

    /// A response head came.
    pub(crate) fn answered(&mut self, is_failure: bool, cool_for: Option<Duration>, now: Instant) {
        if let Some((in_flight, duration)) = self.open.key.as_ref().zip(cool_for) {
            in_flight.account().cool_down(duration, now, &self.gateway);
        }
        match self.permit.take() {
            Some(permit) if is_failure => permit.failure(now, &self.gateway),
            Some(permit) => self.answered = Some(Since::Own(permit.success(now, &self.gateway))),
            None => {}
        }
    }

    /// What gives back the place of the key before the end, where there is one.
    pub(in crate::control) fn place(&self) -> Option<Handle<InFlight>> {
        self.open.limited.as_ref().map(Held::handle)
    }

    /// What tells that the response is no answer after all, where that matters.
    pub(super) fn blame(&mut self, cool_down: Option<CoolDownSettings>) -> Option<Blame> {
        let answered = match self.answered.take() {
            Some(Since::Own(answered)) => {
                let held = Held::new(answered);
                let handle = held.handle();
                self.answered = Some(Since::Shared(held));
                Some(handle)
            }
            shared => {
                self.answered = shared;
                None
            }
        };
        let key = self.open.key.as_ref().map(InFlight::account).cloned();
        let cool_down = key.zip(cool_down);
        let matters = answered.is_some() || cool_down.is_some();
        matters.then(|| Blame { answered, cool_down, gateway: self.gateway.clone() })
    }

    /// The body broke off, and that is the upstream's fault.
    pub(crate) fn broke(self, now: Instant) {
        let answered = match self.answered {
            Some(Since::Own(answered)) => Some(answered),
            Some(Since::Shared(held)) => held.handle().take(),
            None => None,
        };
        if let Some(answered) = answered {
            answered.failure(now, &self.gateway);
        }
    }
}

#[cfg(test)]
mod tests;
