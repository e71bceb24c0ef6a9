//! Settings that no layer acts on are warned of.

use super::*;

fn set_up(settings: GatewaySettings) -> GatewayLayerBuilder {
    xai().settings(Settings::new(SettingsTable::new().serve_unknown(settings)))
}

fn cases() -> Vec<(&'static str, GatewayLayerBuilder, Request<Body>)> {
    let second = Duration::from_secs(1);
    let settings = GatewaySettings::builder;
    let build = |builder: tower_ai_gateway::settings::GatewaySettingsBuilder| {
        set_up(builder.build().unwrap())
    };
    let asking = |name: &'static str, value: &'static str| {
        let mut request = post(NATIVE);
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let timeouts = Timeouts::default();
    let limit = ConcurrencyLimit::new(8);
    let key = |text| Secret::new(text).unwrap();
    let two_keys = settings().authenticated_elsewhere();
    let two_keys = two_keys.client_credentials(ClientCredentials::Ignore);
    let two_keys = two_keys.weighted_key("grok", "default", key("sk-one"), 1);
    let two_keys = two_keys.weighted_key("grok", "default", key("sk-two"), 1);
    vec![
        ("max_attempts", xai(), asking("cf-aig-max-attempts", "3")),
        ("timeouts", xai(), asking("cf-aig-request-timeout", "1000")),
        ("timeouts", xai(), asking("cf-aig-connect-timeout", "1000")),
        ("timeouts", xai(), asking("cf-aig-idle-timeout", "1000")),
        ("total timeout", xai(), asking("cf-aig-total-timeout", "1000")),
        ("max_attempts", build(settings().defaults(|of| of.max_attempts = Some(2))), post(NATIVE)),
        ("timeouts", build(settings().timeouts(timeouts.head(second))), post(NATIVE)),
        ("total timeout", build(settings().timeouts(timeouts.total(second))), post(NATIVE)),
        (
            "fallback",
            build(settings().fallback(FallbackChain::on("x").to("grok", "y"))),
            post(NATIVE),
        ),
        ("concurrency limits", build(settings().concurrency(limit)), post(NATIVE)),
        ("several base URLs or keys", build(two_keys), post(NATIVE)),
    ]
}

async fn read(app: Router, request: Request<Body>) {
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
}

#[tokio::test]
async fn a_setting_without_its_layer_is_reported_once() {
    for (setting, builder, request) in cases() {
        let (lines, _guard) = Written::capture();
        let app = Router::new().layer(builder.build().unwrap().upstream(answered(3)));
        for _ in 0..3 {
            let mut again = post(NATIVE);
            *again.headers_mut() = request.headers().clone();
            read(app.clone(), again).await;
        }
        only(&lines, &["not acted on", "ControlLayer", &format!("setting=\"{setting}\"")]);
    }
}

#[tokio::test]
async fn no_warning_with_all_control_layers() {
    for (setting, builder, request) in cases() {
        let (lines, _guard) = Written::capture();
        let client = ControlLayer::new().layer(answered(1));
        let app = Router::new().layer(builder.build().unwrap().upstream(client));
        read(app, request).await;
        assert_eq!(lines.warnings(), [""; 0], "{setting}");
    }
}

#[tokio::test]
async fn no_warning_with_just_the_needed_layers() {
    let (lines, _guard) = Written::capture();
    let timeouts = Timeouts::default();
    let client = ServiceBuilder::new()
        .layer(DeadlineLayer::new(timeouts))
        .layer(TimeoutLayer::new(timeouts));
    for (_, builder, request) in
        cases().into_iter().filter(|(setting, ..)| setting.contains("timeout"))
    {
        let client = client.clone().service(answered(1));
        let app = Router::new().layer(builder.build().unwrap().upstream(client));
        read(app, request).await;
    }
    assert_eq!(lines.warnings(), [""; 0]);
}

#[tokio::test]
async fn no_warning_without_settings_or_a_response() {
    let (lines, _guard) = Written::capture();
    let app = Router::new().layer(xai().build().unwrap().upstream(answered(1)));
    read(app.clone(), post(NATIVE)).await;
    let mut once = post(NATIVE);
    once.headers_mut().insert("cf-aig-max-attempts", "many".parse().unwrap());
    assert_eq!(ask(&app, once).await, 400);
    assert_eq!(lines.warnings(), [""; 0]);
}
