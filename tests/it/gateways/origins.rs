//! Which web pages may use a gateway without tokens.

use tower_ai_gateway::settings::{GatewaySettings, SettingsError};

use crate::gateways::scene::{BODY, NATIVE, REST, Scene, UNIFIED, UNIVERSAL, entry, secret, token};

const FOREIGN: [&[(&str, &str)]; 4] = [
    &[("origin", "https://page.test"), ("content-type", "text/plain")],
    &[("origin", "null")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site"), ("origin", "http://gateway.test")],
];

fn open(builder: tower_ai_gateway::settings::GatewaySettingsBuilder) -> Scene {
    Scene::with(|_| builder.authenticated_elsewhere().key("grok", secret("sk-stored")))
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_spend_a_stored_key() {
    let scene = open(GatewaySettings::builder());
    let universal = entry("grok", "x", &serde_json::json!({}), &serde_json::json!({}));
    for headers in FOREIGN {
        for (line, body) in [
            (NATIVE, BODY),
            ("GET /v1/acct/gw/grok/v1/models", ""),
            (UNIFIED, BODY),
            (REST, BODY),
            (UNIVERSAL, &*universal),
        ] {
            let json = scene.refuses(line, headers, body, (403, 2403)).await;
            assert_eq!(json["error"]["param"], "origin", "{json}");
        }
    }
    for own in [
        &[][..],
        &[("origin", "http://gateway.test")],
        &[("origin", "http://gateway.test"), ("sec-fetch-site", "same-origin")],
    ] {
        let sent = scene.passes(NATIVE, own, BODY).await;
        assert_eq!(sent.header("authorization"), Some("Bearer sk-stored"));
    }
}

#[tokio::test]
async fn the_host_can_allow_origins() {
    let scene = open(GatewaySettings::builder().allow_origin("https://page.test"));
    scene.passes(NATIVE, FOREIGN[0], BODY).await;
    scene.refuses(NATIVE, &[("origin", "https://other.test")], BODY, (403, 2403)).await;
    let scene = open(GatewaySettings::builder().allow_origin("*"));
    for headers in FOREIGN {
        scene.passes(NATIVE, headers, BODY).await;
    }
    let wrong = GatewaySettings::builder().allow_origin("page.test").build();
    assert!(matches!(wrong, Err(SettingsError::OutOfRange { .. })));
}

#[tokio::test]
async fn origins_are_checked_only_if_keys_need_no_token() {
    let shown = ("cf-aig-authorization", "a-token");
    let locked =
        Scene::with(|builder| builder.token(token("a-token")).key("grok", secret("sk-stored")));
    let without_keys = Scene::with(|builder| builder.authenticated_elsewhere());
    for headers in FOREIGN {
        locked.passes(NATIVE, &[headers, &[shown]].concat(), BODY).await;
        locked.refuses(NATIVE, headers, BODY, (401, 2009)).await;
        without_keys.passes(NATIVE, headers, BODY).await;
    }
}
