//! A built-in provider under another slug is asked, read, billed and priced as it is under its own.

use std::collections::BTreeSet;

use tower_ai_gateway::settings::GatewaySettings;
use tower_ai_gateway::usage::{Price, Rate, TokenPrice, ToolPrices};

use super::*;

const SLUG: &str = "another";

fn built_in() -> Vec<Provider> {
    let at_places = [
        Provider::azure_openai("resource"),
        Provider::vertex_ai("p", "us-east5"),
        Provider::bedrock("us-east-1"),
        Provider::bedrock_mantle("us-east-1"),
        Provider::workers_ai("account"),
    ];
    Provider::all().into_iter().chain(at_places).collect()
}

/// Prices of everything for each model of the fixtures, at each kind of provider. None is the same at
/// two kinds.
fn prices(fixtures: &[Fixture]) -> PriceTable {
    let models: BTreeSet<_> =
        fixtures.iter().filter_map(|fixture| fixture.booked.model.as_deref()).collect();
    let mut table = PriceTable::empty(Date::default());
    for (number, provider) in (1..).zip(built_in()) {
        let rate = |ticks: u64| Rate::ticks(ticks * 100 + number);
        let tokens = TokenPrice::new(number, number, number * 2)
            .cache_writes(rate(3), Some(rate(4)))
            .audio(rate(5), Some(rate(6)))
            .images(Some(rate(7)), rate(8));
        let mut price = Price::per_token(tokens);
        price.second = Some(rate(9));
        price.image = Some(rate(10));
        price.page = Some(rate(11));
        price.search_unit = Some(rate(12));
        let kind = provider.kind().unwrap();
        for model in models.iter().chain(&["asked"]) {
            table.insert(format!("{kind}/{model}"), price.clone());
        }
        let mut tools = ToolPrices::default();
        tools.web_search = Some(rate(13));
        table.insert_tools(Some(kind), tools);
    }
    table
}

/// What a provider is sent: the URI, the headers and the body.
type Sent = (String, Vec<(String, Vec<u8>)>, Bytes);

/// What was sent, if it came to that, and what was booked.
type Seen = (Option<Sent>, Option<Booked>);

struct Scene {
    layer: GatewayLayer,
    slug: String,
    booked: Arc<Mutex<Option<Booked>>>,
}

impl Scene {
    fn new(provider: Provider, prices: PriceTable) -> Self {
        let booked = Arc::new(Mutex::new(None));
        let hook = booked.clone();
        let settings = GatewaySettings::builder().authenticated_elsewhere().session_affinity(true);
        let slug = provider.slug().to_owned();
        let layer = GatewayLayer::builder()
            .provider(provider)
            .prices(Prices::new(prices))
            .settings(Arc::new(settings.build().unwrap()))
            .ask_for_usage(true)
            .metrics_hook(move |end: &EndEvent<'_>| {
                *hook.lock().unwrap() = Some(super::booked(end));
            })
            .build()
            .unwrap();
        Self { layer, slug, booked }
    }

    async fn see(&self, fixture: &Fixture) -> Seen {
        let (kind, answer) = (fixture.kind, fixture.body.clone());
        let sent = Arc::new(Mutex::new(None));
        let log = sent.clone();
        let provider = service_fn(move |request: Request<RequestBody<Body>>| {
            let (log, answer) = (log.clone(), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let headers = head.headers.iter();
                let headers =
                    headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
                *log.lock().unwrap() = Some((head.uri.to_string(), headers.collect(), body));
                let response = Response::builder().header("content-type", kind);
                Ok::<_, Infallible>(response.body(Body::from(answer)).unwrap())
            }
        });
        let app = service_fn(async |_: Request<Body>| {
            Ok::<_, Infallible>(Response::new(Body::default()))
        });
        let request = Request::builder()
            .method(fixture.method)
            .uri(format!("/v1/acct/gw/{}/{}", self.slug, fixture.path))
            .header("authorization", "Bearer test-key")
            .header("content-type", "application/json")
            .header("x-session-id", "conversation-1")
            .body(Body::from(r#"{"model":"asked","stream":true}"#))
            .unwrap();
        let service = self.layer.clone().upstream(provider).layer(app);
        let response = service.oneshot(request).await.unwrap();
        response.into_body().collect().await.ok();
        (sent.lock().unwrap().take(), self.booked.lock().unwrap().take())
    }
}

#[tokio::test]
async fn a_renamed_built_in_provider_is_billed_the_same() {
    let fixtures = fixtures();
    let prices = prices(&fixtures);
    let (mut own, mut priced, mut named, mut asked) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    for provider in built_in() {
        let kind = provider.kind().unwrap();
        let plain = Scene::new(provider.clone(), prices.clone());
        let renamed = Scene::new(provider.with_slug(SLUG), prices.clone());
        for fixture in &fixtures {
            let (sent, expected) = plain.see(fixture).await;
            let (sent_renamed, got) = renamed.see(fixture).await;
            if sent_renamed != sent {
                wrong.push(format!("{kind}, {}: {sent:?}, not {sent_renamed:?}\n", fixture.name));
            }
            if got != expected {
                let [got, expected] = [got, expected.clone()].map(Option::unwrap_or_default);
                let difference = difference(&got, &expected);
                wrong.push(format!("{kind}, {}\n{difference}", fixture.name));
            }
            let (_, headers, body) = sent.unwrap_or_default();
            named += usize::from(headers.iter().any(|(name, _)| name == "x-grok-conv-id"));
            asked += usize::from(body.windows(13).any(|part| part == b"include_usage"));
            if fixture.provider == kind {
                own += 1;
                priced += usize::from(expected.is_some_and(|booked| booked.ticks.is_some()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.concat());
    // What is compared is there.
    assert!(own > 60 && priced > 40, "{own} of the providers' own, {priced} with a cost");
    assert!(named > 0 && asked > 0, "{named} with a conversation, {asked} asked for usage");
}
