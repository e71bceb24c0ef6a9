//! Which `cf-aig-*` headers clients may use, and which metadata keys belong to the host.

use crate::directives::metadata::{Metadata, MetadataValue};
use crate::util::macros::named_enum;

/// The maximum number of the host's metadata entries, and of its reserved keys.
const MOST: usize = 16;

/// Controls that affect costs, the log, or the stored parts of bodies.
const LOCKED_BY_DEFAULT: u16 = ClientControl::CustomCost.bit()
    | ClientControl::CollectLog.bit()
    | ClientControl::CollectLogPayload.bit();

named_enum! {
/// A group of `cf-aig-*` headers, and of the same settings in the `config` of a universal entry,
/// that a host can allow its clients or lock
/// ([`client_controls`](crate::settings::GatewaySettingsBuilder::client_controls)).
///
/// `cf-aig-zdr`, `cf-aig-allowed-models` and `cf-aig-allowed-providers` are in no group: they only
/// narrow what a request may reach, and always apply.
///
/// ```
/// use tower_ai_gateway::settings::{ClientControl, GatewaySettings, LockedHeaders};
///
/// // Of the control headers, clients may use these; others are refused.
/// let settings = GatewaySettings::builder()
///     .client_controls([ClientControl::Retry, ClientControl::Timeouts])
///     .locked_headers(LockedHeaders::Refuse)
///     .build()?;
/// # let _ = settings;
/// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientControl {
    /// `cache`: `cf-aig-skip-cache`, `cf-aig-cache-ttl` and `cf-aig-cache-key`, and the old names
    /// `cf-skip-cache` and `cf-cache-ttl`.
    Cache = "cache",
    /// `retry`: `cf-aig-max-attempts`, `cf-aig-retry-delay` and `cf-aig-backoff`.
    Retry = "retry",
    /// `timeouts`: `cf-aig-request-timeout`, and those for connect, idle and total.
    Timeouts = "timeouts",
    /// `metadata`: `cf-aig-metadata`.
    Metadata = "metadata",
    /// `custom_cost`: `cf-aig-custom-cost`. Locked by default.
    CustomCost = "custom_cost",
    /// `collect_log`: `cf-aig-collect-log`. Locked by default.
    CollectLog = "collect_log",
    /// `collect_log_payload`: `cf-aig-collect-log-payload`. Locked by default.
    CollectLogPayload = "collect_log_payload",
    /// `key_alias`: `cf-aig-byok-alias`.
    KeyAlias = "key_alias",
    /// `event_id`: `cf-aig-event-id`.
    EventId = "event_id",
    /// `trace`: `cf-aig-otel-trace-id` and `cf-aig-otel-parent-span-id`.
    Trace = "trace",
    /// `session`: `cf-aig-session-id` and `cf-aig-no-session-affinity`.
    Session = "session",
}
/// The name in settings files, such as `custom_cost`.
pub const fn name;
/// All of them.
pub const ALL;
}

impl ClientControl {
    /// The control with this name; `None` if there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|control| control.name() == name)
    }

    /// Returns true if clients may use it by default. Controls that affect costs, the log, or the
    /// stored parts of bodies must be allowed explicitly.
    #[must_use]
    pub const fn is_allowed_by_default(self) -> bool {
        self.bit() & LOCKED_BY_DEFAULT == 0
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What happens to a header that a client may not use.
///
/// ```
/// use tower_ai_gateway::settings::{GatewaySettings, LockedHeaders};
///
/// let settings = GatewaySettings::builder().locked_headers(LockedHeaders::Refuse).build()?;
/// # let _ = settings;
/// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LockedHeaders {
    /// The header is ignored, whatever its value, and the response names it in `cf-aig-warning`.
    #[default]
    Ignore,
    /// The request is refused (403, code 2403), and the error names the header.
    Refuse,
}

/// Which controls clients may use, and which metadata keys they may not.
#[derive(Clone, Debug)]
pub(crate) struct Locks {
    /// One bit for each control that clients may use.
    allowed: u16,
    pub(crate) locked: LockedHeaders,
    /// Boxed: most gateways have none.
    host: Option<Box<HostMetadata>>,
}

#[derive(Clone, Debug, Default)]
struct HostMetadata {
    entries: Metadata,
    reserved: Vec<Box<str>>,
}

impl Locks {
    /// The defaults.
    const DEFAULT: Self =
        Self { allowed: !LOCKED_BY_DEFAULT, locked: LockedHeaders::Ignore, host: None };

    /// The locks of a request without settings.
    pub(crate) fn unset() -> &'static Self {
        static UNSET: Locks = Locks::DEFAULT;
        &UNSET
    }

    /// Locks nothing.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn none() -> Self {
        Self::DEFAULT.allowing(ClientControl::ALL)
    }

    pub(crate) fn allowing(self, controls: impl IntoIterator<Item = ClientControl>) -> Self {
        let allowed = controls.into_iter().fold(0, |all, control| all | control.bit());
        Self { allowed, ..self }
    }

    pub(crate) fn allow(&self, control: ClientControl) -> bool {
        self.allowed & control.bit() != 0
    }

    pub(crate) fn refuse(&self) -> bool {
        self.locked == LockedHeaders::Refuse
    }

    /// Fails with the key if there is no room for the entry, or its key exists or is reserved for
    /// the gateway itself.
    pub(crate) fn hold(&mut self, key: String, value: MetadataValue) -> Result<(), String> {
        self.host.get_or_insert_default().entries.add_up_to(MOST, key, value)
    }

    /// Like [`hold`](Self::hold), for a key without a value.
    pub(crate) fn reserve(&mut self, key: String) -> Result<(), String> {
        let reserved = &mut self.host.get_or_insert_default().reserved;
        if reserved.len() >= MOST || key.is_empty() || key.starts_with("cf.") {
            return Err(key);
        }
        reserved.push(key.into());
        Ok(())
    }

    /// Returns true if a metadata key belongs to the host.
    pub(crate) fn reserve_key(&self, key: &str) -> bool {
        self.host.as_ref().is_some_and(|host| {
            host.entries.get(key).is_some() || host.reserved.iter().any(|own| **own == *key)
        })
    }

    /// Puts the host's own metadata first. An empty set stays empty: then the gateway's defaults
    /// apply, which include the host's.
    pub(crate) fn with_host_metadata(&self, metadata: Metadata) -> Metadata {
        match &self.host {
            Some(host) if !metadata.is_empty() => metadata.after(&host.entries),
            _ => metadata,
        }
    }

    /// The host's own metadata; `None` if there are none.
    pub(crate) fn host_metadata(&self) -> Option<&Metadata> {
        self.host.as_ref().map(|host| &host.entries).filter(|entries| !entries.is_empty())
    }
}

impl Default for Locks {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::GatewaySettings;

    #[test]
    fn every_control_has_its_own_name_and_bit() {
        let bits = ClientControl::ALL.into_iter().fold(0, |bits, control| {
            assert_eq!(ClientControl::named(control.name()), Some(control));
            assert_eq!(bits & control.bit(), 0, "{control:?}");
            bits | control.bit()
        });
        assert_eq!(bits.count_ones() as usize, ClientControl::ALL.len());
        assert_eq!(ClientControl::named("zdr"), None);
    }

    #[test]
    fn controls_of_costs_and_logs_are_locked_by_default() {
        let locked = |locks: &Locks| {
            let all = ClientControl::ALL.into_iter();
            all.filter(|control| !locks.allow(*control))
                .map(ClientControl::name)
                .collect::<Vec<_>>()
        };
        let bill = ["custom_cost", "collect_log", "collect_log_payload"];
        assert_eq!(locked(&Locks::default()), bill);
        assert_eq!(locked(GatewaySettings::locks_of(None)), bill);
        assert_eq!(locked(GatewaySettings::locks_of(Some(&GatewaySettings::default()))), bill);
        assert!(locked(&Locks::none()).is_empty());
        assert_eq!(locked(&Locks::default().allowing([])).len(), ClientControl::ALL.len());
    }

    #[test]
    fn the_hosts_metadata_comes_first_and_is_bounded() {
        let mut locks = Locks::default();
        locks.hold("tenant".into(), "red".into()).unwrap();
        locks.reserve("plan".into()).unwrap();
        assert!(locks.hold("tenant".into(), "blue".into()).is_err());
        assert!(locks.hold("cf.x".into(), "1".into()).is_err());
        assert!(locks.reserve("cf.x".into()).is_err() && locks.reserve(String::new()).is_err());
        assert!(["tenant", "plan"].iter().all(|key| locks.reserve_key(key)));
        assert!(!locks.reserve_key("team"));
        let mut own = Metadata::default();
        assert!(locks.with_host_metadata(own.clone()).is_empty());
        own.add("team".into(), "a".into()).unwrap();
        let all = locks.with_host_metadata(own);
        let keys: Vec<_> = all.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["tenant", "team"]);
        for at in 1..MOST {
            locks.hold(format!("k{at}"), true.into()).unwrap();
            locks.reserve(format!("r{at}")).unwrap();
        }
        assert!(locks.hold("more".into(), true.into()).is_err());
        assert!(locks.reserve("more".into()).is_err());
    }
}
