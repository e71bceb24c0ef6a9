//! The example gateway behind a proxy.

use crate::support::message::{ok, request};
use crate::support::program::{self, Program};
use crate::support::raw_upstream::Recorder;
use crate::support::wire::Wire;

#[tokio::test]
async fn the_environments_proxy_is_used_only_if_enabled() {
    let upstream = Recorder::answering(|_| ok(b"direct")).await;
    let proxy = Recorder::answering(|_| ok(b"by the proxy")).await;
    let provider = format!("grok={}", upstream.base("/v1"));
    for (is_asked, except, expected) in [
        (false, "", "direct"),
        (true, "", "by the proxy"),
        (true, "example.com,127.0.0.1", "direct"),
    ] {
        let mut arguments = vec!["--provider", provider.as_str()];
        if is_asked {
            arguments.push("--proxy-from-env");
        }
        let url = format!("http://user:pass@{}", proxy.addr());
        let program = Program::start_with(&arguments, |command| {
            for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
                command.env_remove(name).env_remove(name.to_ascii_uppercase());
            }
            command.env("RUST_LOG", "error").env("HTTP_PROXY", url).env("NO_PROXY", except);
        });
        let mut wire = Wire::connect(program.addr).await;
        wire.send(request("POST /v1/acct/gw/grok/v1/x", &[], b"{}")).await;
        let answer = wire.read_message().await;
        assert_eq!(answer.body(), expected.as_bytes(), "{is_asked} {except}: {}", answer.text());
    }
    assert_eq!(upstream.requests().len(), 2);
    let asked = proxy.only();
    assert_eq!(asked.head.target(), upstream.base("/v1/x"));
    assert_eq!(asked.head.get("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
}

#[test]
fn an_invalid_proxy_is_a_start_error_without_its_password() {
    let output = std::process::Command::new(program::binary())
        .args(["--listen", "127.0.0.1:0", "--admin", "none", "--proxy-from-env"])
        .env("HTTPS_PROXY", "ftp://user:secret@proxy")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("proxy") && !text.contains("secret"), "{text}");
}
