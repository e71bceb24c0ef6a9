//! Clients that always send `authorization`, with providers that read their key from another
//! header.

use tower_ai_gateway::Provider;
use tower_ai_gateway::settings::{ClientCredentials, GatewaySettings, GatewaySettingsBuilder};

use crate::gateways::scene::{Scene, secret, token};

/// A path of each provider whose key is in another header, and its stored key as sent.
const ELSEWHERE: [(&str, (&str, &str)); 3] = [
    ("POST /v1/acct/gw/anthropic/v1/messages", ("x-api-key", "sk-LEAK-anthropic")),
    ("POST /v1/acct/gw/azure-openai/deployments/d/chat/completions", ("api-key", "sk-LEAK-azure")),
    ("POST /v1/acct/gw/custom-own/x", ("x-api-key", "sk-LEAK-own")),
];

const BODY: &str = r#"{"model":"m"}"#;
const DUMMY: (&str, &str) = ("authorization", "Bearer unused");

fn scene(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Scene {
    let settings = GatewaySettings::builder()
        .key("anthropic", secret("sk-LEAK-anthropic"))
        .key("azure-openai", secret("sk-LEAK-azure"))
        .key("own", secret("sk-LEAK-own"));
    let settings = std::sync::Arc::new(set(settings).build().unwrap());
    Scene::of(|layer| {
        layer
            .provider(Provider::azure_openai("resource"))
            .provider(Provider::custom("own", "http://own.test").key_header("x-api-key"))
            .settings(settings)
    })
}

fn elsewhere(choice: Option<ClientCredentials>) -> Scene {
    scene(|of| {
        let of = of.authenticated_elsewhere();
        match choice {
            Some(choice) => of.client_credentials(choice),
            None => of,
        }
    })
}

#[tokio::test]
async fn a_passed_dummy_is_the_clients_own_key_without_a_stored_one() {
    for choice in [None, Some(ClientCredentials::Pass)] {
        let scene = elsewhere(choice);
        for (line, _) in ELSEWHERE {
            assert_eq!(scene.passes(line, &[DUMMY], BODY).await.keys(), [DUMMY], "{line}");
        }
    }
}

#[tokio::test]
async fn an_ignored_dummy_is_replaced_by_the_stored_key() {
    let scene = elsewhere(Some(ClientCredentials::Ignore));
    for (line, stored) in ELSEWHERE {
        for brought in
            [&[DUMMY][..], &[DUMMY, ("api-key", "x"), ("x-api-key", "y")], &[("api-key", "x")]]
        {
            assert_eq!(scene.passes(line, brought, BODY).await.keys(), [stored], "{line}");
        }
    }
}

#[tokio::test]
async fn a_refused_dummy_gets_an_error_of_the_gateway() {
    let scene = elsewhere(Some(ClientCredentials::Refuse));
    for (line, stored) in ELSEWHERE {
        scene.refuses(line, &[DUMMY], BODY, (403, 2403)).await;
        assert_eq!(scene.passes(line, &[], BODY).await.keys(), [stored], "{line}");
    }
}

#[tokio::test]
async fn an_empty_dummy_is_never_a_key() {
    use ClientCredentials::{Ignore, Pass, Refuse};
    for choice in [None, Some(Pass), Some(Ignore), Some(Refuse)] {
        let scene = elsewhere(choice);
        for (line, stored) in ELSEWHERE {
            for empty in ["", " ", "Bearer", "Bearer "] {
                let headers = [("authorization", empty), ("api-key", ""), ("x-api-key", " ")];
                let sent = scene.passes(line, &headers, BODY).await;
                assert_eq!(sent.keys(), [stored], "{choice:?} {line} {empty:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_in_its_place_is_never_a_key() {
    use ClientCredentials::{Ignore, Pass, Refuse};
    // The relevant headers of Codex, Claude Code, Xcode and OpenCode.
    let clients: [&[(&str, &str)]; 4] = [
        &[("authorization", "Bearer gw-token"), ("originator", "codex_cli_rs")],
        &[
            ("authorization", "Bearer gw-token"),
            ("x-api-key", "gw-token"),
            ("user-agent", "claude-cli/2.0.1 (external, cli)"),
        ],
        &[("api-key", "gw-token"), ("user-agent", "Xcode/24000 CFNetwork/3826")],
        &[
            ("cf-aig-authorization", "Bearer gw-token"),
            ("authorization", "Bearer "),
            ("user-agent", "opencode/1.0.0"),
        ],
    ];
    for choice in [Pass, Ignore, Refuse] {
        let scene = scene(|of| of.token(token("gw-token")).client_credentials(choice));
        for (line, stored) in ELSEWHERE {
            for client in clients {
                let sent = scene.passes(line, client, BODY).await;
                assert_eq!(sent.keys(), [stored], "{choice:?} {line} {client:?}");
                let has_token = |value: &http::HeaderValue| {
                    value.as_bytes().windows(8).any(|bytes| bytes == b"gw-token")
                };
                assert!(!sent.headers.values().any(has_token), "{choice:?} {line}");
            }
        }
    }
}
