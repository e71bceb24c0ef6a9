//! The example gateway with `[identity.jwt]` in its file.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::jwt::scene::{CHAT, answer};
use crate::support::issuer::{AUDIENCE, ISSUER, Issuer, Key, Reply, claims, claims_with, set};
use crate::support::polling::eventually;
use crate::support::program::{Program, binary};

fn file(keys: &str, more: &str) -> String {
    format!(
        "unknown_gateways = \"serve\"\n\
         [default]\nauthenticated_elsewhere = true\n\
         [identity.jwt]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\n{keys}\n{more}\n"
    )
}

fn check(path: &Path) -> Output {
    Command::new(binary()).arg("--check").arg("--config").arg(path).output().unwrap()
}

#[test]
fn a_file_with_an_issuer_is_checked_with_its_keys() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    let key = Key::ed("a");
    fs::write(directory.path().join("jwks.json"), set(&[&key])).unwrap();
    for keys in ["jwks_file = \"jwks.json\"", "jwks_url = \"https://issuer.test/keys\""] {
        fs::write(&path, file(keys, "labels = { team = \"/custom/team\" }")).unwrap();
        let output = check(&path);
        assert!(output.status.success(), "{output:?}");
    }
    for (keys, more, expected) in [
        ("", "", "gateway.toml, line 4, identity.jwt: it needs `jwks_url` or `jwks_file`"),
        ("jwks_file = \"none.json\"", "", "line 7, identity.jwt.jwks_file: the file of keys"),
        ("jwks_url = \"http://a.example\"", "", "line 7, identity.jwt.jwks_url: the URL must be"),
        (
            "jwks_file = \"jwks.json\"",
            "algorithms = [\"none\"]",
            "line 8, identity.jwt.algorithms[0]: it must be one of RS256",
        ),
    ] {
        fs::write(&path, file(keys, more)).unwrap();
        let output = check(&path);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(expected), "{text}");
    }
}

/// Waits until the answer has this status, because the file is reloaded.
async fn turns(program: &Program, headers: &[&str], status: u16) {
    let has_turned = async || answer(program.addr, CHAT, headers).await.status() == status;
    eventually("the file is followed", has_turned).await;
}

#[tokio::test]
async fn the_gateway_requires_tokens_and_reloads_its_file() {
    let key = Key::ed("a");
    let issuer = Issuer::start(Reply::keys(&[&key])).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    let keys = format!("jwks_url = \"{}\"", issuer.url());
    fs::write(&path, file(&keys, "")).unwrap();
    let arguments = ["--mock", "--config", path.to_str().unwrap()];
    let program = Program::start(&arguments);

    let good = format!("authorization: Bearer {}", key.token(&claims()));
    let bad = format!("authorization: Bearer {}", key.token(&claims_with(&json!({"aud": "x"}))));
    let own = "authorization: Bearer sk-LEAK-own";
    let access = format!("cf-access-jwt-assertion: {}", key.token(&claims()));
    assert_eq!(answer(program.addr, CHAT, &[&access, own]).await.status(), 200);
    assert_eq!(answer(program.addr, CHAT, &[&bad]).await.status(), 401);
    assert_eq!(answer(program.addr, CHAT, &[own]).await.status(), 401);
    assert_eq!(answer(program.addr, "GET /healthz", &[]).await.status(), 200);
    assert_eq!(answer(program.addr, "GET /healthz/", &[]).await.status(), 401);

    // A broken file changes nothing; a valid one applies from then on and keeps the fetched keys.
    fs::write(&path, file("jwks_url = \"nonsense\"", "required = false")).unwrap();
    issuer.replies(Reply::status(500));
    assert_eq!(answer(program.addr, CHAT, &[own]).await.status(), 401);
    fs::write(&path, file(&keys, "required = false")).unwrap();
    turns(&program, &[own], 200).await;
    assert_eq!(answer(program.addr, CHAT, &[&access, own]).await.status(), 200);
    assert_eq!(answer(program.addr, CHAT, &[&bad]).await.status(), 401);
    assert_eq!(issuer.asked(), 1, "the keys stay, though the issuer is down");
    // The token does not reach the stand-in, so it finds no key.
    let keyless = answer(program.addr, CHAT, &[&good]).await;
    assert_eq!(keyless.status(), 401);
    assert!(!keyless.text().contains("invalid_token"), "{}", keyless.text());
    fs::write(&path, file(&keys, "")).unwrap();
    turns(&program, &[own], 401).await;
    assert!(program.stop().success());
}
