//! Requests to providers over sockets: the bytes on the wire.

use tower_ai_gateway::Provider;

use crate::support::gateway::Setup;
use crate::support::message::request;
use crate::support::raw_upstream::Recorder;

#[tokio::test]
async fn fixed_headers_and_aliases_are_on_the_wire() {
    let grok = Recorder::start().await;
    let azure = Recorder::start().await;
    let provider = Provider::azure_openai("res")
        .base_url(azure.base("/openai"))
        .query("api-version", "2024-10-21")
        .header("x-org", "acme")
        .model_alias("gpt-5", "my-deployment");
    let gateway = Setup::new(grok.base("/v1")).provider(provider);
    let gateway = gateway.layer(|layer| layer.default_provider("azure")).start().await;
    for (target, body, line, sent) in [
        (
            "/v1/a/g/compat/chat/completions",
            r#"{"n":1,"model":"gpt-5"}"#,
            "POST /openai/v1/chat/completions?api-version=2024-10-21 HTTP/1.1",
            r#"{"n":1,"model":"my-deployment"}"#,
        ),
        (
            "/v1/a/g/azure-openai/res/my%2Ddep/chat/completions?api-version=1&x=%2F",
            r#"{"model":"gpt-5"}"#,
            "POST /openai/deployments/my%2Ddep/chat/completions?x=%2F&api-version=2024-10-21 HTTP/1.1",
            r#"{"model":"gpt-5"}"#,
        ),
    ] {
        let headers = ["x-org: the client's", "api-key: sk-own"];
        let answer =
            gateway.answer(request(&format!("POST {target}"), &headers, body.as_bytes())).await;
        assert_eq!(answer.status(), 200, "{target}: {}", answer.text());
        let came = azure.only();
        assert_eq!((&*came.head.line, came.body()), (line, sent.as_bytes()));
        assert_eq!(came.head.get("x-org"), Some("acme"));
        assert_eq!(came.head.get("api-key"), Some("sk-own"));
        assert_eq!(came.head.get("content-length"), Some(&*sent.len().to_string()));
        assert_eq!(came.head.get("host"), Some(&*azure.addr().to_string()));
        azure.clear();
    }
    grok.assert_untouched("nothing was for it");
}

#[tokio::test]
async fn a_local_server_takes_one_line() {
    let upstream = Recorder::start().await;
    let grok = Recorder::start().await;
    let ollama = Provider::custom("ollama", upstream.base("/v1"));
    let gateway = Setup::new(grok.base("/v1")).provider(ollama).start().await;
    for (target, body) in [
        ("/ai/ollama/v1/chat/completions", r#"{"model":"llama3:8b"}"#),
        ("/ai/custom-ollama/chat/completions", r#"{"model":"llama3:8b"}"#),
        ("/ai/compat/chat/completions", r#"{"model":"ollama/llama3:8b"}"#),
    ] {
        gateway.answer(request(&format!("POST {target}"), &[], body.as_bytes())).await;
        let came = upstream.only();
        assert_eq!(came.head.line, "POST /v1/chat/completions HTTP/1.1", "{target}");
        assert_eq!(came.json()["model"], "llama3:8b", "{target}");
        upstream.clear();
    }
}
