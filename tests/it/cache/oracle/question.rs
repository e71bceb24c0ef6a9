//! What clients ask, and which responses they may share: the rules of the documentation in other words.

use bytes::Bytes;
use fastrand::Rng;
use http::Request;
use http_body_util::Full;
use tower_ai_gateway::Identity;
use tower_ai_gateway::control::cache::PurgeTarget;

/// A caller: known by the host, by a key of its own, by both or by neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    name: Option<&'static str>,
    key: Option<&'static str>,
}

const CALLERS: [Caller; 6] = [
    Caller { name: Some("ann"), key: None },
    Caller { name: Some("bob"), key: None },
    Caller { name: Some("ann"), key: Some("sk-one") },
    Caller { name: None, key: Some("sk-one") },
    Caller { name: None, key: Some("sk-two") },
    Caller { name: None, key: None },
];

/// Stores responses for each caller.
pub const OWN: &str = "own";
/// Lets callers with the same provider key share entries.
pub const SHARED: &str = "shared";
/// Stores responses to requests with a custom key.
pub const ON_REQUEST: &str = "on-request";

const GATEWAYS: [&str; 3] = [OWN, SHARED, ON_REQUEST];
const PROVIDERS: [&str; 2] = ["grok", "openai"];
const MODELS: [&str; 2] = ["model-a", "model-b"];
const CUSTOM_KEYS: [Option<&str>; 3] = [None, Some("one"), Some("two")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    pub gateway: &'static str,
    provider: &'static str,
    caller: Caller,
    model: &'static str,
    text: u8,
    pub is_stream: bool,
    custom: Option<&'static str>,
}

/// What a cache may do with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The cache is not asked for.
    None,
    /// The cache is asked for, but cannot be used.
    Bypass,
    All,
}

impl Question {
    fn any(random: &mut Rng) -> Self {
        Self {
            gateway: any(random, &GATEWAYS),
            provider: any(random, &PROVIDERS),
            caller: any(random, &CALLERS),
            model: any(random, &MODELS),
            text: random.u8(..2),
            is_stream: random.bool(),
            custom: any(random, &CUSTOM_KEYS),
        }
    }

    /// A question, with variants that differ in one thing.
    pub fn family(random: &mut Rng) -> Vec<Self> {
        let (one, other) = (Self::any(random), Self::any(random));
        vec![
            one,
            Self { gateway: other.gateway, ..one },
            Self { provider: other.provider, ..one },
            Self { caller: other.caller, ..one },
            Self { model: other.model, ..one },
            Self { text: 1 - one.text, ..one },
            Self { is_stream: !one.is_stream, ..one },
            Self { custom: other.custom, ..one },
        ]
    }

    pub fn body(&self) -> String {
        let Self { model, text, is_stream, .. } = self;
        format!("{{\"model\":\"{model}\",\"stream\":{is_stream},\"messages\":[{text}]}}")
    }

    /// The key that the provider gets.
    pub fn key(&self) -> &'static str {
        self.caller.key.unwrap_or(match self.provider {
            "grok" => "sk-stored-grok",
            _ => "sk-stored-openai",
        })
    }

    pub fn request(&self) -> Request<Full<Bytes>> {
        let Self { gateway, provider, caller, custom, .. } = self;
        let path = format!("/v1/acct/{gateway}/{provider}/v1/chat/completions");
        let mut request = Request::post(path)
            .header("host", "gateway.test")
            .header("content-type", "application/json");
        if let Some(name) = caller.name {
            request = request.extension(Identity::new(name).unwrap());
        }
        if let Some(key) = caller.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        if let Some(custom) = custom {
            request = request.header("cf-aig-cache-key", *custom);
        }
        request.body(Full::from(self.body())).unwrap()
    }

    pub fn part(&self, is_off: bool) -> Part {
        let is_shared = self.gateway == SHARED && self.custom.is_none();
        let is_nobody = self.caller.name.is_none() && self.caller.key.is_none();
        match self.gateway {
            ON_REQUEST if self.custom.is_none() => Part::None,
            _ if is_off || is_nobody && !is_shared => Part::Bypass,
            _ => Part::All,
        }
    }

    /// Whether both questions may get the same response.
    pub fn shares_with(&self, other: &Self) -> bool {
        // A shared cache ignores the caller, unless there is a custom key.
        let is_shared = self.gateway == SHARED && self.custom.is_none();
        self.gateway == other.gateway
            && self.provider == other.provider
            && self.model == other.model
            && self.is_stream == other.is_stream
            && self.custom == other.custom
            && (self.custom.is_some() || self.text == other.text)
            && self.caller.key == other.caller.key
            && (is_shared || self.caller.name == other.caller.name)
    }
}

/// What is purged.
#[derive(Clone, Copy, Debug)]
pub enum Purge {
    All,
    Gateway(&'static str),
    Provider(&'static str, &'static str),
    Model(&'static str, &'static str),
    Custom(&'static str, &'static str),
}

impl Purge {
    /// A purge that includes this question.
    pub fn of(question: &Question, random: &mut Rng) -> Self {
        let Question { gateway, provider, model, custom, .. } = *question;
        match (random.u8(..5), custom) {
            (0, _) => Self::All,
            (1, _) => Self::Gateway(gateway),
            (2, _) => Self::Provider(gateway, provider),
            (3, Some(custom)) => Self::Custom(gateway, custom),
            _ => Self::Model(gateway, model),
        }
    }

    pub fn covers(&self, question: &Question) -> bool {
        match *self {
            Self::All => true,
            Self::Gateway(gateway) => question.gateway == gateway,
            Self::Provider(gateway, slug) => {
                question.gateway == gateway && question.provider == slug
            }
            Self::Model(gateway, model) => question.gateway == gateway && question.model == model,
            Self::Custom(gateway, key) => {
                question.gateway == gateway && question.custom == Some(key)
            }
        }
    }

    pub fn target(&self) -> PurgeTarget {
        let of = |gateway: &str| PurgeTarget::gateway(gateway).account("acct");
        match *self {
            Self::All => PurgeTarget::all(),
            Self::Gateway(gateway) => of(gateway),
            Self::Provider(gateway, slug) => of(gateway).provider(slug),
            Self::Model(gateway, model) => of(gateway).model(model),
            Self::Custom(gateway, key) => of(gateway).custom_key(key),
        }
    }
}

pub fn any<T: Copy>(random: &mut Rng, of: &[T]) -> T {
    of[random.usize(..of.len())]
}
