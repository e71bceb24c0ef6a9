//! Which conversation a request belongs to, so that it keeps its key and base URL.
//!
//! Only used if there is a choice or the gateway asks for it; otherwise nothing is read or added.
//! The first of these names the session: `cf-aig-session-id`, the headers in [`HEADERS`], and in
//! the body `prompt_cache_key`, then `metadata.user_id`. The first messages are not hashed: most
//! conversations of an app start with the same ones, and would all go to the same key.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::context::GatewayContext;
use crate::context::session::{Conversation, Session, SessionSource, stored_response};
use crate::context::step::{Step, StepKey};
use crate::directives::Directives;
use crate::json::string_finder::{StringFinder, StringPath};
use crate::provider::Upstream;
use crate::settings::GatewaySettings;
use crate::util::operation::Operation;
use crate::util::segment_behind::behind_responses;
use crate::util::text::is_visible;

/// Other headers that name a session: one read by many gateways, and those of Claude Code, Codex
/// and OpenCode. A value that is out of range or given twice does not count.
static HEADERS: [HeaderName; 5] = [
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("x-claude-code-session-id"),
    HeaderName::from_static("session_id"),
    HeaderName::from_static("session-id"),
    HeaderName::from_static("x-session-affinity"),
];

/// xAI uses it to find the server that has the conversation in its cache.
static CONVERSATION_ID: HeaderName = HeaderName::from_static("x-grok-conv-id");

const LONGEST_ID: usize = 256;

/// How many bytes of a body are read for its session.
const READ_AT_MOST: usize = 256 * 1024;

/// The target of a request's step.
pub(crate) struct Destination<'a> {
    upstream: &'a Upstream,
    /// `None` for the client's own request on a provider's own path.
    step: Option<&'a Step>,
    /// The request has a key that must not be replaced.
    has_own_key: bool,
}

/// Finds the session in a request's head, if conversations keep their target.
#[inline]
pub(crate) fn apply(context: &GatewayContext, headers: &mut HeaderMap) {
    if let Some(to) = Destination::of(context)
        && to.begin(context, headers)
    {
        to.name_conversation(context, headers);
        name_response_in_path(context);
    }
}

impl<'a> Destination<'a> {
    /// The current step.
    #[inline]
    fn of(context: &'a GatewayContext) -> Option<Self> {
        let (upstream, step) = (context.upstream()?, context.current());
        let is_given = step.is_some_and(|step| matches!(step.key, StepKey::Given(_)));
        Some(Self { upstream, step, has_own_key: is_given || context.has_credentials() })
    }

    /// A step that is about to be tried. Its key is the gateway's: the client's key is only for the
    /// first provider.
    pub(crate) fn of_step(step: &'a Step) -> Self {
        let has_own_key = matches!(step.key, StepKey::Given(_));
        Self { upstream: &step.upstream, step: Some(step), has_own_key }
    }

    fn directives(&self, context: &'a GatewayContext) -> Option<&'a Directives> {
        let own = self.step.and_then(|step| step.directives.as_deref());
        own.or_else(|| context.directives())
    }

    /// Returns true if there are several base URLs or keys to choose from.
    #[inline]
    fn has_choice(&self, context: &'a GatewayContext) -> bool {
        self.upstream.has_several_origins()
            || !self.has_own_key
                && context.settings().is_some_and(|settings| {
                    !settings.keys.is_single() && self.has_keys(context, settings)
                })
    }

    fn has_keys(&self, context: &'a GatewayContext, settings: &GatewaySettings) -> bool {
        let directives = self.directives(context);
        let of_step = self.step.and_then(|step| step.key.alias());
        let of_request = directives.and_then(|directives| directives.byok_alias.as_deref());
        settings.keys.has_several(self.upstream, of_step.or(of_request))
    }

    fn operation(&self, context: &GatewayContext) -> Operation {
        self.step.map_or_else(|| context.operation(), |step| step.operation)
    }

    /// Like [`apply`], for a step that is about to be tried.
    pub(crate) fn apply(&self, context: &'a GatewayContext, headers: &mut HeaderMap) {
        if self.begin(context, headers) {
            self.name_conversation(context, headers);
        }
    }

    /// Returns true if conversations keep their target; then also finds the session.
    #[inline]
    pub(crate) fn begin(&self, context: &'a GatewayContext, headers: &HeaderMap) -> bool {
        let set = context.settings().and_then(|settings| settings.session_affinity);
        let keeps = set.unwrap_or_else(|| self.has_choice(context))
            && self.directives(context).and_then(|all| all.no_session_affinity) != Some(true);
        if keeps {
            self.find_session(context, headers);
        }
        keeps
    }

    #[cold]
    fn find_session(&self, context: &'a GatewayContext, headers: &HeaderMap) {
        let conversation = context.begin_conversation();
        if conversation.session().is_some() {
            return;
        }
        let directives = self.directives(context);
        let own = directives.and_then(|directives| directives.session_id.as_deref());
        let own = own.map(|id| ("cf-aig-session-id", id.as_bytes()));
        let named = own.or_else(|| HEADERS.iter().find_map(|name| only_id(headers, name)));
        if let Some((name, id)) = named {
            conversation.set_session(Session::new(context, SessionSource::Header(name), id));
        }
    }

    /// Names the conversation to xAI if the client has named it only to us. xAI's Responses API
    /// uses the client's `prompt_cache_key` instead.
    #[cold]
    pub(crate) fn name_conversation(&self, context: &GatewayContext, headers: &mut HeaderMap) {
        if self.upstream.kind() != Some("grok")
            || self.operation(context) != Operation::Chat
            || *context.method() != Method::POST
            || headers.contains_key(&CONVERSATION_ID)
        {
            return;
        }
        let session = context.session().filter(|session| session.is_of_header());
        if let Some(Ok(id)) = session.map(|own| HeaderValue::try_from(own.conversation_id())) {
            headers.insert(&CONVERSATION_ID, id);
        }
    }
}

fn only_id<'h>(
    headers: &'h HeaderMap,
    name: &'static HeaderName,
) -> Option<(&'static str, &'h [u8])> {
    let mut values = headers.get_all(name).iter();
    let id = values.next().filter(|_| values.next().is_none())?.as_bytes();
    is_visible(id, LONGEST_ID).then(|| (name.as_str(), id))
}

/// A path below `responses/` or `agent/` names a response that is stored in one account of the provider.
#[cold]
fn name_response_in_path(context: &GatewayContext) {
    if context.operation() != Operation::Responses {
        return;
    }
    let id = behind_responses(context.call_path());
    if let Some((id, conversation)) = id.zip(context.conversation()) {
        name_response(context, conversation, id);
    }
}

fn name_response(context: &GatewayContext, conversation: &Conversation, id: &str) {
    if let Some(provider) = context.provider() {
        conversation.set_stored(stored_response(context, provider, id), provider);
    }
}

/// Reads a body up to its session.
#[derive(Debug)]
pub(crate) struct SessionReader {
    strings: StringFinder<3>,
    left: usize,
    operation: Operation,
    /// A header has named the session already.
    has_session: bool,
}

const PATHS: [StringPath; 3] =
    [(None, "previous_response_id"), (None, "prompt_cache_key"), (Some("metadata"), "user_id")];
const PREVIOUS_RESPONSE: usize = 0;
const PROMPT_CACHE_KEY: usize = 1;
const USER_ID: usize = 2;

impl SessionReader {
    /// `None` if the body is not needed, or is better not waited for.
    pub(crate) fn of(context: &GatewayContext, headers: &HeaderMap) -> Option<Self> {
        let has_session = context.conversation()?.session().is_some();
        let operation = context.operation();
        let is_needed = match operation {
            operation if goes_on(operation) => true,
            Operation::Chat | Operation::Completions | Operation::Messages => !has_session,
            _ => false,
        };
        let is_read = is_needed
            // Nothing else uses the session.
            && crate::HAS_CONTROL_LAYERS
            && Destination::of(context)?.has_choice(context)
            && *context.method() == Method::POST
            && is_plain_json(headers);
        is_read.then(|| Self {
            strings: StringFinder::new(PATHS),
            left: READ_AT_MOST,
            operation,
            has_session,
        })
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        let part = &data[..data.len().min(self.left)];
        self.left -= part.len();
        self.strings.push(part);
    }

    /// Returns true if no more needs to be read.
    pub(crate) fn is_done(&self) -> bool {
        let has = |index| self.strings.get(index).is_some();
        let has_session = self.has_session
            || has(PROMPT_CACHE_KEY)
            // Elsewhere a more specific `prompt_cache_key` may follow.
            || self.operation == Operation::Messages && has(USER_ID);
        let has_all = has_session && (!goes_on(self.operation) || has(PREVIOUS_RESPONSE));
        has_all || self.left == 0 || self.strings.is_over()
    }

    /// Stores what was found in the exchange.
    pub(crate) fn finish(&self, context: &GatewayContext) {
        let Some(conversation) = context.conversation() else { return };
        let named =
            [(SessionSource::PromptCacheKey, PROMPT_CACHE_KEY), (SessionSource::UserId, USER_ID)];
        let mut named = named
            .into_iter()
            .filter_map(|(source, index)| Some((source, self.strings.get(index)?.as_bytes())));
        if let Some((source, id)) = named.next().filter(|_| !self.has_session) {
            conversation.set_session(Session::new(context, source, id));
        }
        let previous = self.strings.get(PREVIOUS_RESPONSE).filter(|_| goes_on(self.operation));
        if let Some(id) = previous {
            name_response(context, conversation, id);
        }
    }
}

/// Returns true if the request may continue from a stored response.
fn goes_on(operation: Operation) -> bool {
    matches!(operation, Operation::Responses | Operation::Compact)
}

/// With `expect`, the client waits until the provider asks for the body: do not read it here.
fn is_plain_json(headers: &HeaderMap) -> bool {
    let is_json = |value: &HeaderValue| {
        let media = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        media.trim_ascii().eq_ignore_ascii_case(b"application/json")
    };
    headers.get(CONTENT_TYPE).is_some_and(is_json)
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(EXPECT)
}
