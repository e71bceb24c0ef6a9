//! A call to an upstream with one credential, from start to the end of the response body.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Response;
use tokio::time::Instant;

use super::account::{Account, InFlight};
use super::blame::{Blame, is_failure};
use super::change::Listener;
use super::cooldown;
use super::error::Blocked;
use super::permit::{Answered, Breaker, Permit};
use super::settings::CoolDownSettings;
use crate::context::GatewayContext;
use crate::control::pins::ResponseReader;
use crate::control::releasable::Handle;
use crate::control::retry_after::retry_after;
use crate::control::timeout;
use crate::hook::Failure;
use crate::response::failure;

/// An upstream and credential that a call could use.
#[derive(Clone, Debug, Default)]
pub(in crate::control) struct Target {
    /// Counts failures, if breakers are on.
    pub(in crate::control) breaker: Option<Arc<Breaker>>,
    /// The key's cool-down and load, if needed.
    pub(in crate::control) account: Option<Arc<Account>>,
    /// The load of all keys, if base URLs are compared.
    pub(in crate::control) load: Option<Arc<Account>>,
    pub(in crate::control) cool_down: Option<CoolDownSettings>,
    /// There is no other to choose from.
    pub(in crate::control) is_alone: bool,
    /// Notified of state changes.
    pub(in crate::control) gateway: Listener,
}

impl Target {
    /// Why no call can be made now, and until when.
    pub(in crate::control) fn blocked(&self, now: Instant) -> Option<Blocked> {
        let open = self.breaker.as_ref().and_then(|breaker| breaker.check(now).err());
        let open = open.map(|open| Blocked::open(open.until));
        // Wait for the later of the two.
        self.cooling(now).into_iter().chain(open).max_by_key(|blocked| blocked.until)
    }

    fn cooling(&self, now: Instant) -> Option<Blocked> {
        self.account.as_ref()?.cooling_until(now).map(Blocked::cooling)
    }

    pub(in crate::control) fn in_flight(&self) -> usize {
        let account = self.load.as_ref().or(self.account.as_ref());
        account.map_or(0, |account| account.in_flight())
    }

    /// Returns true if a call has just failed there.
    pub(in crate::control) fn is_avoided(&self, now: Instant) -> bool {
        let mut accounts = self.load.iter().chain(&self.account);
        accounts.any(|account| account.is_avoided(now))
    }

    /// Makes sessions avoid this target for a while. `is_of_key`: the key is at fault, not the
    /// place.
    fn avoid(&self, is_of_key: bool, now: Instant) {
        // One key's error says nothing about the other keys at this place.
        match (&self.load, &self.account) {
            _ if self.is_alone => {}
            (Some(place), _) if !is_of_key => place.avoid(now),
            (None, Some(account)) => account.avoid(now),
            _ => {}
        }
    }

    /// Starts a call, unless none can be made now.
    pub(in crate::control) fn begin(self, now: Instant) -> Result<Tracked, Blocked> {
        let permit = self.permit(now)?;
        let acquire = |account: &Option<Arc<Account>>| account.as_ref().map(Account::acquire);
        let (key, load) = (acquire(&self.account), acquire(&self.load));
        let (answered, context, response_reader) = (None, None, None);
        Ok(Tracked { target: self, permit, answered, key, _load: load, context, response_reader })
    }

    fn permit(&self, now: Instant) -> Result<Option<Permit>, Blocked> {
        // Check this first: it does not use up a probe.
        if self.cooling(now).is_some()
            && let Some(blocked) = self.blocked(now)
        {
            return Err(blocked);
        }
        let Some(breaker) = &self.breaker else { return Ok(None) };
        let permit = breaker.permit(now, &self.gateway);
        permit.map(Some).map_err(|open| Blocked::open(open.until))
    }
}

/// A call, until its response body has ended or is dropped. If it is dropped without a result, it
/// does not count.
#[derive(Debug)]
pub(in crate::control) struct Tracked {
    target: Target,
    /// Until the response head arrives.
    permit: Option<Permit>,
    /// After that.
    answered: Option<Since>,
    key: Option<InFlight>,
    _load: Option<InFlight>,
    /// Tells whose timeout expired, under a gateway.
    context: Option<GatewayContext>,
    /// Set if the provider may store this response.
    response_reader: Option<Box<ResponseReader>>,
}

/// A success that can be taken back.
#[derive(Debug)]
enum Since {
    Own(Answered),
    /// A layer above reads the body to see whether it is an error.
    /// So the success outlives the body: what is one frame is over before that layer has read it.
    Shared(Handle<Answered>),
}

impl Tracked {
    pub(in crate::control) fn of(mut self, context: Option<&GatewayContext>) -> Self {
        self.context = context.cloned();
        self
    }

    /// Remembers what the provider stores of this call.
    pub(in crate::control) fn set_response_reader(&mut self, response_reader: ResponseReader) {
        self.response_reader = Some(Box::new(response_reader));
    }

    /// Looks at a frame of the response.
    pub(in crate::control) fn see(&mut self, data: &[u8]) {
        if let Some(response_reader) = &mut self.response_reader
            && !response_reader.push(data)
        {
            self.response_reader = None;
        }
    }

    /// Gives up the permit while the call waits for something else, so that another call can probe.
    pub(in crate::control) fn suspend(&mut self) {
        self.permit = None;
    }

    /// Continues the call, unless none can be made any more.
    pub(in crate::control) fn resume(&mut self, now: Instant) -> Result<(), Blocked> {
        self.permit = self.target.permit(now)?;
        Ok(())
    }

    /// Returns true if the error means that the upstream is unhealthy. It does not if the client
    /// broke off its request or set a timeout shorter than the host's, or if a layer below refused
    /// to send.
    pub(in crate::control) fn blames_upstream<E: 'static>(&self, error: &E) -> bool {
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
            Failure::ConnectTimeout | Failure::HeadTimeout | Failure::IdleTimeout => {
                !timeout::is_clients(error, self.context.as_ref())
            }
            _ => true,
        }
    }

    /// Records that no response came, through the upstream's fault.
    pub(in crate::control) fn failed(self, now: Instant) {
        self.target.avoid(false, now);
        if let Some(permit) = self.permit {
            permit.failure(now, &self.target.gateway);
        }
    }

    /// Records a response head. `is_classified`: a layer above reads the body to see whether it is
    /// an error.
    pub(in crate::control) fn responded<R>(
        &mut self,
        response: &mut Response<R>,
        is_classified: bool,
        now: Instant,
    ) {
        let status = response.status();
        let said = || retry_after(response.headers(), SystemTime::now());
        let cool_down = self.target.cool_down;
        let cool_for = cool_down.and_then(|settings| cooldown::asked(&settings, status, said));
        self.answered(is_failure(status), cool_for, now);
        // With a cool-down on, the cool-down handles a 429.
        let is_busy = status.as_u16() == 429 && cool_down.is_none();
        let is_of_key = is_busy || matches!(status.as_u16(), 401 | 402);
        if is_of_key || is_failure(status) {
            self.target.avoid(is_of_key, now);
        }
        if let Some(response_reader) = &mut self.response_reader
            && !(status.is_success() && response_reader.responded(response.headers()))
        {
            self.response_reader = None;
        }
        if is_classified && let Some(blame) = self.blame() {
            response.extensions_mut().insert(blame);
        }
    }

    pub(in crate::control) fn answered(
        &mut self,
        is_failure: bool,
        cool_for: Option<Duration>,
        now: Instant,
    ) {
        let gateway = &self.target.gateway;
        if let Some((in_flight, duration)) = self.key.as_ref().zip(cool_for) {
            in_flight.account().cool_down(duration, now, gateway);
        }
        match self.permit.take() {
            Some(permit) if is_failure => permit.failure(now, gateway),
            Some(permit) => self.answered = Some(Since::Own(permit.success(now, gateway))),
            None => {}
        }
    }

    /// The handle with which a layer above can turn this success into a failure.
    fn blame(&mut self) -> Option<Blame> {
        let answered = match self.answered.take() {
            Some(Since::Own(answered)) => {
                let handle = Handle::new(answered);
                self.answered = Some(Since::Shared(handle.clone()));
                Some(handle)
            }
            shared => {
                self.answered = shared;
                None
            }
        };
        let key = self.key.as_ref().map(InFlight::account).cloned();
        let cool_down = key.zip(self.target.cool_down);
        let matters = answered.is_some() || cool_down.is_some();
        matters.then(|| Blame { answered, cool_down, gateway: self.target.gateway.clone() })
    }

    /// Records that the body broke off, through the upstream's fault.
    pub(in crate::control) fn broke(self, now: Instant) {
        let answered = match self.answered {
            Some(Since::Own(answered)) => Some(answered),
            Some(Since::Shared(handle)) => handle.take(),
            None => None,
        };
        if let Some(answered) = answered {
            answered.failure(now, &self.target.gateway);
        }
    }
}
