//! A call to an upstream with one credential, from its start to the end of its response body.

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
use crate::control::held::Held;
use crate::control::pins::Learning;
use crate::control::retry_after::retry_after;
use crate::hook::Failure;
use crate::response::failure;

/// An upstream and a credential that a call could use.
#[derive(Clone, Debug, Default)]
pub(in crate::control) struct Target {
    /// Where failures are counted, if they are.
    pub(in crate::control) breaker: Option<Arc<Breaker>>,
    /// The cool-down of the key and its load, if they matter.
    pub(in crate::control) account: Option<Arc<Account>>,
    /// The load of all keys, if that is what matters.
    pub(in crate::control) load: Option<Arc<Account>>,
    pub(in crate::control) cool_down: Option<CoolDownSettings>,
    /// Who hears of changes.
    pub(in crate::control) gateway: Listener,
}

impl Target {
    /// Why no call can be made now, and until when.
    pub(in crate::control) fn blocked(&self, now: Instant) -> Option<Blocked> {
        let open = self.breaker.as_ref().and_then(|breaker| breaker.check(now).err());
        let open = open.map(|open| Blocked::open(open.until));
        // Both must be over.
        self.cooling(now).into_iter().chain(open).max_by_key(|blocked| blocked.until)
    }

    fn cooling(&self, now: Instant) -> Option<Blocked> {
        self.account.as_ref()?.cooling_until(now).map(Blocked::cooling)
    }

    pub(in crate::control) fn in_flight(&self) -> usize {
        let account = self.load.as_ref().or(self.account.as_ref());
        account.map_or(0, |account| account.in_flight())
    }

    /// Whether a call has just failed there.
    pub(in crate::control) fn is_avoided(&self, now: Instant) -> bool {
        let mut accounts = self.load.iter().chain(&self.account);
        accounts.any(|account| account.is_avoided(now))
    }

    /// Sessions are to go elsewhere for a while. `is_of_key`: the key is at fault, and not the place.
    fn avoid(&self, is_of_key: bool, now: Instant) {
        // What all keys do at one place does not follow from one of them.
        match (&self.load, &self.account) {
            (Some(place), _) if !is_of_key => place.avoid(now),
            (None, Some(account)) => account.avoid(now),
            _ => {}
        }
    }

    /// Begins a call, unless none can be made now.
    pub(in crate::control) fn begin(self, now: Instant) -> Result<Tracked, Blocked> {
        let permit = self.permit(now)?;
        let acquire = |account: &Option<Arc<Account>>| account.as_ref().map(Account::acquire);
        let (key, load) = (acquire(&self.account), acquire(&self.load));
        let (answered, context, learning) = (None, None, None);
        Ok(Tracked { target: self, permit, answered, key, _load: load, context, learning })
    }

    fn permit(&self, now: Instant) -> Result<Option<Permit>, Blocked> {
        // Checked first: it takes no place of a probe.
        if self.cooling(now).is_some()
            && let Some(blocked) = self.blocked(now)
        {
            return Err(blocked);
        }
        let Some(breaker) = &self.breaker else { return Ok(None) };
        let permit = breaker.admit(now, &self.gateway);
        permit.map(Some).map_err(|open| Blocked::open(open.until))
    }
}

/// A call until its response body is over or dropped. Dropped without a verdict, it leaves nothing
/// behind.
#[derive(Debug)]
pub(in crate::control) struct Tracked {
    target: Target,
    /// Until the response head has come.
    permit: Option<Permit>,
    /// Since then.
    answered: Option<Since>,
    key: Option<InFlight>,
    _load: Option<InFlight>,
    /// Whose timeouts hold, where they are a gateway's.
    context: Option<GatewayContext>,
    /// Where the response is one that its provider may store.
    learning: Option<Box<Learning>>,
}

/// A verdict that may be taken back.
#[derive(Debug)]
enum Since {
    Own(Answered),
    /// A layer above reads the body to see whether it is an answer.
    Shared(Held<Answered>),
}

impl Tracked {
    pub(in crate::control) fn of(mut self, context: Option<&GatewayContext>) -> Self {
        self.context = context.cloned();
        self
    }

    /// What the provider stores of this call is to be remembered.
    pub(in crate::control) fn learns(&mut self, learning: Learning) {
        self.learning = Some(Box::new(learning));
    }

    /// A frame of the response.
    pub(in crate::control) fn see(&mut self, data: &[u8]) {
        if let Some(learning) = &mut self.learning
            && !learning.push(data)
        {
            self.learning = None;
        }
    }

    /// The call waits for something else first, and must not keep others from being a probe.
    pub(in crate::control) fn suspend(&mut self) {
        self.permit = None;
    }

    /// The call goes on, unless none can be made any more.
    pub(in crate::control) fn resume(&mut self, now: Instant) -> Result<(), Blocked> {
        self.permit = self.target.permit(now)?;
        Ok(())
    }

    /// Whether an error says that the upstream is not well. It does not where the client broke its
    /// request off or was less patient than the host, nor where a layer below refused to send.
    pub(in crate::control) fn blames_upstream<E: 'static>(&self, error: &E) -> bool {
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
    pub(in crate::control) fn failed(self, now: Instant) {
        self.target.avoid(false, now);
        if let Some(permit) = self.permit {
            permit.failure(now, &self.target.gateway);
        }
    }

    /// A response head came. `is_classified`: a layer above reads the body to see whether it is an
    /// answer.
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
        // A cool-down knows for how long.
        let is_busy = status.as_u16() == 429 && cool_down.is_none();
        let is_of_key = is_busy || matches!(status.as_u16(), 401 | 402);
        if is_of_key || is_failure(status) {
            self.target.avoid(is_of_key, now);
        }
        if let Some(learning) = &mut self.learning
            && !(status.is_success() && learning.responded(response.headers()))
        {
            self.learning = None;
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

    /// What takes the verdict back where the response is no answer after all.
    fn blame(&mut self) -> Option<Blame> {
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
        let key = self.key.as_ref().map(InFlight::account).cloned();
        let cool_down = key.zip(self.target.cool_down);
        let matters = answered.is_some() || cool_down.is_some();
        matters.then(|| Blame { answered, cool_down, gateway: self.target.gateway.clone() })
    }

    /// The body broke off, and that is the upstream's fault.
    pub(in crate::control) fn broke(self, now: Instant) {
        let answered = match self.answered {
            Some(Since::Own(answered)) => Some(answered),
            Some(Since::Shared(held)) => held.handle().take(),
            None => None,
        };
        if let Some(answered) = answered {
            answered.failure(now, &self.target.gateway);
        }
    }
}
