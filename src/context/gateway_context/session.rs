//! The conversation that a request belongs to, which keeps its key and base URL.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use sha2::{Digest as _, Sha256};

use super::GatewayContext;
use crate::util::digest::add_parts;

/// The conversation that a request belongs to, if the gateway knows it.
///
/// It does not keep the client's id. It shows a digest of the id with the account, the gateway and
/// the subject of the [`Identity`](crate::Identity): the same for all requests of the conversation,
/// in every process, and different for another caller with the same id.
///
/// ```
/// use tower_ai_gateway::EndEvent;
///
/// fn conversation(end: &EndEvent<'_>) -> Option<String> {
///     end.context.session().map(|session| format!("{session} by {}", session.source()))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    source: SessionSource,
    digest: u128,
}

/// The source of a [`Session`]'s id. If there are several, the first in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SessionSource {
    /// A header, of this name.
    Header(&'static str),
    PromptCacheKey,
    UserId,
}

/// Whether a request has kept its session's target; see [`GatewayContext::affinity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Affinity {
    /// The request has gone to its session's key and base URL.
    Kept,
    /// The session's target was unhealthy, cooled down, had no permit left, or had just failed, so
    /// the request has gone to the next one.
    Moved,
    /// The request names a stored response, and has gone to the key that made it.
    Pinned,
}

impl Affinity {
    /// The name in lower case, as in `moved`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Moved => "moved",
            Self::Pinned => "pinned",
        }
    }
}

impl Session {
    /// Of the client's id.
    pub(crate) fn new(context: &GatewayContext, source: SessionSource, id: &[u8]) -> Self {
        let subject = context.identity().map(|identity| identity.subject().as_bytes());
        let digest = digest("session", context, [subject.unwrap_or_default(), id]);
        Self { source, digest }
    }

    /// The source of its id: a header, `prompt_cache_key` or `metadata.user_id`.
    #[must_use]
    pub fn source(&self) -> &'static str {
        match self.source {
            SessionSource::Header(name) => name,
            SessionSource::PromptCacheKey => "prompt_cache_key",
            SessionSource::UserId => "metadata.user_id",
        }
    }

    pub(crate) fn is_of_header(&self) -> bool {
        matches!(self.source, SessionSource::Header(_))
    }

    /// The digest that ranks targets.
    pub(crate) fn hash(&self) -> u64 {
        self.digest as u64
    }

    /// The session's name for a provider, as a UUID. It reveals nothing of the client's id, and
    /// differs from every digest that is shown.
    pub(crate) fn conversation_id(&self) -> String {
        let whole = Sha256::new_with_prefix("tower-ai-gateway/conversation-id");
        let id = prefix(whole.chain_update(self.digest.to_be_bytes()));
        // A UUID of version 8, whose other bits are free.
        let id = id & !(0xf << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62;
        let hex = format!("{id:032x}");
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        parts.join("-")
    }
}

/// The first 16 hexadecimal digits of a digest.
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.digest >> 64)
    }
}

/// The name of a stored response, within a gateway and for this provider.
pub(crate) fn stored_response(context: &GatewayContext, provider: &str, id: &str) -> u128 {
    digest("stored-response", context, [provider.as_bytes(), id.as_bytes()])
}

fn digest(kind: &str, context: &GatewayContext, parts: [&[u8]; 2]) -> u128 {
    let account = context.account().unwrap_or_default().as_bytes();
    let all = [kind.as_bytes(), account, context.gateway().as_bytes(), parts[0], parts[1]];
    let mut hasher = Sha256::new_with_prefix("tower-ai-gateway/affinity/1");
    add_parts(&mut hasher, &all);
    prefix(hasher)
}

fn prefix(hasher: Sha256) -> u128 {
    hasher.finalize().iter().take(16).fold(0, |whole, byte| whole << 8 | u128::from(*byte))
}

/// The session state of one exchange, if affinity applies to it.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    session: OnceLock<Session>,
    /// The [`stored_response`] that the request continues or fetches, and the provider that has it.
    stored: OnceLock<(u128, Box<str>)>,
    /// The targets of this exchange's calls.
    tried: Mutex<Vec<u64>>,
    affinity: AtomicU8,
}

impl Conversation {
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.get()
    }

    /// The first value counts.
    pub(crate) fn set_session(&self, session: Session) {
        let _ = self.session.set(session);
    }

    pub(crate) fn set_stored(&self, response: u128, provider: &str) {
        let _ = self.stored.set((response, provider.into()));
    }

    /// The stored response that a request to this provider names.
    pub(crate) fn stored(&self, provider: &str) -> Option<u128> {
        self.stored.get().filter(|(_, of)| **of == *provider).map(|(response, _)| *response)
    }

    pub(crate) fn tried(&self) -> Vec<u64> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A call goes to this target.
    pub(crate) fn tries(&self, target: u64, affinity: Option<Affinity>) {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).push(target);
        let number = match affinity {
            None => 0,
            Some(Affinity::Kept) => 1,
            Some(Affinity::Moved) => 2,
            Some(Affinity::Pinned) => 3,
        };
        self.affinity.store(number, Ordering::Relaxed);
    }

    /// The last call has failed because of something that the gateway added: its target is not at
    /// fault.
    pub(crate) fn forgets_last(&self) {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).pop();
    }

    pub(crate) fn affinity(&self) -> Option<Affinity> {
        match self.affinity.load(Ordering::Relaxed) {
            1 => Some(Affinity::Kept),
            2 => Some(Affinity::Moved),
            3 => Some(Affinity::Pinned),
            _ => None,
        }
    }
}

impl GatewayContext {
    /// The conversation that this request belongs to. `None` without affinity: the provider has one
    /// base URL and one key, the gateway or the request has switched affinity off, or nothing names
    /// a session.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.conversation()?.session()
    }

    /// Whether the last call of this exchange has kept its session's target. `None` if there was no
    /// choice or no session.
    #[must_use]
    pub fn affinity(&self) -> Option<Affinity> {
        self.conversation()?.affinity()
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, Uri};

    use super::*;
    use crate::context::{Arrival, Endpoint};
    use crate::util::identity::Identity;

    fn context(subject: Option<&str>) -> GatewayContext {
        let mut arrival =
            Arrival::new(Method::POST, Uri::from_static("/x"), Endpoint::Unified("x"));
        arrival.identity = subject.map(|subject| Identity::builder(subject).build().unwrap());
        GatewayContext::new(arrival, None)
    }

    fn session(subject: Option<&str>, id: &str) -> Session {
        Session::new(&context(subject), SessionSource::UserId, id.as_bytes())
    }

    /// Replicas of every release must compute the same.
    #[test]
    fn digests_never_change() {
        let session = session(None, "conversation-1");
        assert_eq!(session.to_string(), "35c0686c7650e62e");
        assert_eq!(session.conversation_id(), "86eddc4b-2812-8aeb-95bd-d3c83f87095b");
        assert_eq!(session.hash(), 0x4785_7b0c_0031_4382);
    }

    #[test]
    fn sessions_differ_by_id_and_by_caller_and_do_not_show_either() {
        let all = [
            session(None, "a"),
            session(None, "b"),
            session(Some("a"), "a"),
            session(Some("b"), "a"),
            session(Some("ab"), ""),
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(a == b, i == j, "{i} {j}");
                assert_eq!(a.conversation_id() == b.conversation_id(), i == j);
            }
        }
        let secret = session(Some("subject-text"), "id-text");
        let shown = format!("{secret:?} {secret} {}", secret.conversation_id());
        assert!(!shown.contains("-text"), "{shown}");
    }

    #[test]
    fn a_conversation_id_is_a_uuid_of_version_8() {
        for id in 0..99 {
            let id = session(None, &id.to_string()).conversation_id();
            let lengths: Vec<_> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12]);
            assert_eq!(&id[14..15], "8");
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        }
    }

    #[test]
    fn what_is_set_first_holds_and_a_response_is_of_its_step() {
        let conversation = Conversation::default();
        conversation.set_session(session(None, "a"));
        conversation.set_session(session(None, "b"));
        assert_eq!(conversation.session(), Some(&session(None, "a")));
        conversation.set_stored(7, "grok");
        assert_eq!((conversation.stored("grok"), conversation.stored("openai")), (Some(7), None));
        assert_eq!(conversation.affinity(), None);
        conversation.tries(1, Some(Affinity::Kept));
        conversation.tries(2, Some(Affinity::Moved));
        assert_eq!(
            (conversation.tried(), conversation.affinity()),
            (vec![1, 2], Some(Affinity::Moved))
        );
    }
}
