//! A provider that caches prompts per key, and growing conversations through a gateway with several
//! keys.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::settings::{GatewaySettings, Secret, Settings, SettingsTable};
use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};

/// Like OpenAI's cache: prefixes in steps of 128 tokens, from 1024 on, of about 4 bytes each.
const BLOCK: usize = 128 * 4;
const SHORTEST: usize = 1024 * 4;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub input: usize,
    pub cached: usize,
}

impl Tokens {
    pub fn share(self) -> f64 {
        self.cached as f64 / self.input as f64
    }
}

/// The cache of each key, and the usage of all requests.
#[derive(Debug, Default)]
pub struct PromptCaches {
    prefixes: HashMap<String, HashSet<u64>>,
    pub tokens: Tokens,
    pub requests: HashMap<String, usize>,
}

impl PromptCaches {
    fn answer(&mut self, key: String, prompt: &[u8]) -> Bytes {
        let known = self.prefixes.entry(key.clone()).or_default();
        let (mut cached, mut hasher) = (0, DefaultHasher::new());
        for (index, block) in prompt.chunks_exact(BLOCK).enumerate() {
            block.hash(&mut hasher);
            let end = (index + 1) * BLOCK;
            // A prefix is found if all shorter ones are.
            if !known.insert(hasher.finish()) && cached == end - BLOCK {
                cached = end;
            }
        }
        if cached < SHORTEST {
            cached = 0;
        }
        let used = Tokens { input: prompt.len() / 4, cached: cached / 4 };
        self.tokens.input += used.input;
        self.tokens.cached += used.cached;
        *self.requests.entry(key).or_default() += 1;
        let Tokens { input, cached } = used;
        format!(
            r#"{{"id":"x","choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":1,"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{cached}}}}}}}"#,
            input + 1
        )
        .into()
    }
}

/// How requests name their conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// By a header, with affinity switched off: keys are chosen by load.
    SwitchedOff,
    Header,
    /// In the body, after its messages.
    PromptCacheKey,
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;
type Service = BoxCloneSyncService<Request<Full<Bytes>>, Answer, BoxError>;

/// A gateway with this many keys of one provider.
fn gateway(keys: usize, caches: &Arc<Mutex<PromptCaches>>) -> Service {
    let settings =
        (0..keys).fold(GatewaySettings::builder().authenticated_elsewhere(), |settings, number| {
            let key = Secret::new(format!("key-{number}")).unwrap();
            settings.weighted_key("openai", "default", key, 1)
        });
    let settings = Settings::new(SettingsTable::new().serve_unknown(settings.build().unwrap()));
    let layer = GatewayLayer::builder().provider(Provider::openai()).settings(settings);
    let caches = caches.clone();
    let provider = service_fn(move |request: Request<ReplayBody<RequestBody<Full<Bytes>>>>| {
        let caches = caches.clone();
        async move {
            let key = request.headers()["authorization"].to_str().unwrap().to_owned();
            let prompt = request.into_body().collect().await.unwrap().to_bytes();
            let answer = caches.lock().unwrap().answer(key, &prompt);
            let response = Response::builder().header("content-type", "application/json");
            Ok::<_, Infallible>(response.body(Full::new(answer)).unwrap())
        }
    });
    let layer = layer.build().unwrap().client_layer();
    let service = layer.layer(ControlLayer::new().layer(provider));
    let service = service.map_response(|response: Response<_>| {
        response.map(|body| body.map_err(Into::into).boxed_unsync())
    });
    BoxCloneSyncService::new(service)
}

/// Text that is unique for the seed.
fn text(seed: usize, length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    (0..length).map(|_| random.lowercase()).collect()
}

/// Runs conversations with interleaved turns. Half-way the gateway gets more keys. Returns the
/// provider's counts.
pub async fn converse(
    conversations: usize,
    turns: usize,
    keys: [usize; 2],
    naming: Naming,
) -> PromptCaches {
    let caches = Arc::new(Mutex::new(PromptCaches::default()));
    let gateways = keys.map(|keys| gateway(keys, &caches));
    let system = text(0, 8 * 1024);
    let mut prompts: Vec<String> = (0..conversations)
        .map(|number| format!(r#"{{"messages":[{{"role":"system","content":"{system}{number}"}}"#))
        .collect();
    for turn in 0..turns {
        for (number, prompt) in prompts.iter_mut().enumerate() {
            let said = text(1 + turn * conversations + number, 2 * 1024);
            prompt.push_str(&format!(r#",{{"role":"user","content":"{said}"}}"#));
            let session = format!("conversation-{number}");
            let named = match naming {
                Naming::PromptCacheKey => format!(r#","prompt_cache_key":"{session}""#),
                Naming::Header | Naming::SwitchedOff => String::new(),
            };
            let body = format!(r#"{prompt}],"model":"gpt-5.1"{named}}}"#);
            let mut request = Request::post("/v1/acct/gw/openai/chat/completions")
                .header("content-type", "application/json");
            if naming != Naming::PromptCacheKey {
                request = request.header("cf-aig-session-id", session);
            }
            if naming == Naming::SwitchedOff {
                request = request.header("cf-aig-no-session-affinity", "true");
            }
            let request = request.body(Full::from(body)).unwrap();
            let gateway = &gateways[usize::from(turn >= turns / 2)];
            let response = gateway.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
            response.into_body().collect().await.unwrap();
        }
    }
    drop(gateways);
    Arc::try_unwrap(caches).unwrap().into_inner().unwrap()
}
