//! A host with two tenants, and all ways in which one can ask.

use super::*;

/// A tenant and the other one.
pub(super) const TENANTS: [(&str, &str); 2] = [("red", "blue"), ("blue", "red")];

/// All places for a client's credential.
pub(super) const SLOTS: [&str; 8] = [
    "authorization: Bearer {}",
    "authorization: {}",
    "x-api-key: {}",
    "api-key: {}",
    "x-goog-api-key: {}",
    "cf-aig-authorization: Bearer {}",
    "cf-aig-authorization: {}",
    "proxy-authorization: Bearer {}",
];

/// All kinds of paths to this gateway.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Native,
    Unified,
    Rest,
    Universal,
}

pub(super) const WAYS: [Way; 4] = [Way::Native, Way::Unified, Way::Rest, Way::Universal];

/// Adds the caller's team to each request, and refuses requests without one.
pub(super) struct OfTeam;

impl Guard for OfTeam {
    async fn check(&self, request: GuardRequest<'_>) -> Verdict {
        match request.head.context.identity().and_then(|identity| identity.label("team")) {
            Some(team) => Verdict::flag(team),
            None => Refusal::unauthorized("Sign in first.").into(),
        }
    }
}

/// The gateways of each tenant, as rows of a slow database.
pub(super) struct Database;

impl SettingsSource for Database {
    async fn find(&self, query: OwnedSettingsQuery) -> Result<Arc<GatewaySettings>, Refusal> {
        tokio::task::yield_now().await;
        let Some(team) = query.identity.as_ref().and_then(|identity| identity.label("team")) else {
            return Err(Refusal::unauthorized("Sign in first."));
        };
        match &*query.gateway {
            "over" => Err(Refusal::over_budget("The month's budget is spent.")),
            gateway if gateway == team => {
                let settings = GatewaySettings::builder()
                    .token(GatewayToken::new(format!("token-of-{team}")))
                    .client_credentials(ClientCredentials::Ignore)
                    .key("grok", Secret::new(format!("sk-LEAK-of-{team}")).unwrap())
                    .metadata("tenant", team)
                    .build();
                settings.map(Arc::new).map_err(|_| Refusal::unavailable("A broken row."))
            }
            _ => Err(Refusal::forbidden("This gateway is another team's.")),
        }
    }
}

/// The host's own sessions. Callers without one may have an issuer's token.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    let session = request.headers_mut().remove("x-session");
    let team =
        session.and_then(|session| Some(session.to_str().ok()?.split_once('-')?.0.to_owned()));
    if let Some(team) = team.filter(|team| team == "red" || team == "blue") {
        let identity = Identity::builder(format!("{team}/session")).label("team", team);
        request.extensions_mut().insert(identity.build().unwrap());
    }
    next.run(request).await
}

pub(super) struct Host {
    pub(super) addr: SocketAddr,
    pub(super) provider: Recorder,
    pub(super) store: LogStore,
    pub(super) log: LogHook,
    pub(super) key: Key,
    pub(super) _directory: TempDir,
}

impl Host {
    pub(super) async fn start() -> Self {
        let answer = br#"{"model":"grok-4.7","usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
        let provider = Recorder::answering(|_| {
            response("200 OK", &["content-type: application/json"], answer)
        })
        .await;
        let directory = tempfile::tempdir().unwrap();
        let store = LogStore::open(directory.path().join("log.db")).unwrap();
        let log = LogHook::builder(store.sink()).build().unwrap();
        let key = Key::ed("a");
        let issuer = Issuer::start(Reply::keys(&[&key])).await;
        let verifier = JwtVerifier::builder(Jwks::from_url(&issuer.url()).unwrap())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .label("team", "team");
        let gateway = GatewayLayer::builder()
            .provider(Provider::xai().base_url(provider.base("/v1")).zero_data_retention(true))
            .mount(Mount::hosted().universal())
            .mount(Mount::rest())
            .settings_from_extensions()
            .guard(OfTeam)
            .metrics_hook(log.clone())
            .build()
            .unwrap();
        let settings = gateway.settings_layer(Database).unwrap();
        let app = Router::new()
            .layer(gateway.upstream(HttpClient::new().unwrap()))
            .layer(settings)
            .layer(JwtLayer::new(verifier.build().unwrap()).optional())
            .layer(from_fn(identify));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { addr, provider, store, log, key, _directory: directory }
    }

    /// An issuer's token for a member of this team.
    pub(super) fn token(&self, team: &str) -> String {
        let subject = format!("{team}/token");
        let exp = now() + 300;
        self.key.token(&json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": exp, "team": team,
        }))
    }

    /// Both credentials of a team's member, each with its subject.
    pub(super) fn identities(&self, team: &str) -> [(String, String); 2] {
        [
            (format!("x-session: {team}-1"), format!("{team}/session")),
            (format!("cf-access-jwt-assertion: {}", self.token(team)), format!("{team}/token")),
        ]
    }

    /// `hostile`: a header that is also in the entry of a universal request.
    pub(super) async fn ask(
        &self,
        way: Way,
        gateway: &str,
        headers: &[&str],
        hostile: &str,
    ) -> Message {
        let of_path = format!("/v1/acct/{gateway}");
        let named = format!("cf-aig-gateway-id: {gateway}");
        let chat = r#"{"model":"grok/grok-4.7"}"#.to_owned();
        let (path, body) = match way {
            Way::Native => {
                (format!("{of_path}/grok/v1/chat/completions"), chat.replace("grok/", ""))
            }
            Way::Unified => (format!("{of_path}/compat/chat/completions"), chat),
            Way::Rest => ("/client/v4/accounts/acct/ai/v1/chat/completions".to_owned(), chat),
            Way::Universal => {
                let headers = hostile.split_once(": ").map(|(name, value)| json!({ name: value }));
                let entry = json!([{
                    "provider": "grok", "endpoint": "v1/chat/completions",
                    "headers": headers.unwrap_or(json!({})),
                    "config": {"cacheKey": "other", "skipCache": true},
                    "query": {"model": "grok-4.7"},
                }]);
                (of_path, entry.to_string())
            }
        };
        let mut all = vec!["content-type: application/json"];
        all.extend(headers);
        all.extend(Some(hostile).filter(|header| !header.is_empty()));
        if matches!(way, Way::Rest) {
            all.push(&named);
        }
        let mut wire = Wire::connect(self.addr).await;
        wire.send(request(&format!("POST {path}"), &all, body.as_bytes())).await;
        wire.read_message().await
    }

    /// Checks that the request reaches the provider with the key of this team and nothing of the
    /// other's.
    pub(super) async fn is_served(
        &self,
        way: Way,
        team: &str,
        other: &str,
        headers: &[&str],
        hostile: &str,
    ) {
        let before = self.provider.requests().len();
        let answer = self.ask(way, team, headers, hostile).await;
        assert_eq!(answer.status(), 200, "{way:?} {headers:?} {hostile}: {}", answer.text());
        let sent = self.provider.requests().pop().unwrap();
        assert_eq!(self.provider.requests().len(), before + 1);
        let key = format!("Bearer sk-LEAK-of-{team}");
        assert_eq!(sent.head.get("authorization"), Some(key.as_str()), "{way:?} {hostile}");
        for secret in [format!("of-{other}"), format!("token-of-{team}"), "eyJ".to_owned()] {
            assert!(!sent.text().contains(&secret), "{secret}: {}", sent.text());
        }
    }

    /// Checks that the request never reaches the provider.
    pub(super) async fn is_refused(
        &self,
        way: Way,
        gateway: &str,
        headers: &[&str],
        hostile: &str,
        expected: (u16, u16),
    ) {
        let before = self.provider.requests().len();
        let answer = self.ask(way, gateway, headers, hostile).await;
        answer.gateway_error(expected.0, expected.1);
        assert_eq!(self.provider.requests().len(), before, "{way:?} {headers:?} {hostile}");
    }

    pub(super) async fn records(&self) -> Vec<LogRecord> {
        let log = self.log.clone();
        let flush = tokio::task::spawn_blocking(move || log.flush(Duration::from_secs(30)));
        assert!(flush.await.unwrap().is_complete());
        let mut query = LogQuery::default();
        query.limit = Some(1000);
        let mut records = self.store.query(&query).unwrap().logs;
        // The gateway answers lists of models itself, without a provider.
        records.retain(|record| record.method != "GET");
        records
    }

    /// Checks that all exchanges are logged for their own tenant, and that this many have no
    /// identity.
    pub(super) async fn is_recorded(&self, served: usize, refused: usize, anonymous: usize) {
        let records = self.records().await;
        let (of_provider, own): (Vec<_>, Vec<_>) =
            records.iter().partition(|record| record.gateway_code.is_none());
        assert_eq!((of_provider.len(), own.len()), (served, refused), "none is hidden");
        for record in of_provider {
            let team = record.subject.as_deref().unwrap().split('/').next().unwrap();
            assert_eq!(
                (record.gateway.as_str(), &record.flags[..]),
                (team, &[team.to_owned()][..])
            );
            assert_eq!(record.metadata["tenant"].to_string(), team, "{record:?}");
            assert!(!record.custom_cost && record.cost_ticks.is_some_and(|cost| cost > 0));
            assert_eq!((&record.request_head, &record.response_head), (&None, &None));
        }
        let nobodys = own.iter().filter(|record| record.subject.is_none()).count();
        assert_eq!(nobodys, anonymous);
        for record in own {
            assert_eq!((record.cost_ticks, record.outcome.as_str()), (None, "rejected"));
        }
    }

    /// Checks that a gateway lists its models only to its own tenant.
    pub(super) async fn list(&self, gateway: &str, headers: &[&str]) -> Message {
        let mut wire = Wire::connect(self.addr).await;
        let line = format!("GET /v1/acct/{gateway}/compat/models");
        wire.send(request(&line, headers, b"")).await;
        wire.read_message().await
    }
}
