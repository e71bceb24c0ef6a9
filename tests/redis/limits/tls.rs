//! `rediss://` with generated certificates.

use std::path::Path;

use super::*;
use crate::authority::Authority;

/// A certificate and its key.
fn identity(authority: &Authority) -> (String, String) {
    let (certificate, key) = authority.sign("node");
    (certificate.pem(), key.serialize_pem())
}

/// A server with a certificate of this authority that requires client certificates.
fn server(authority: &Authority, folder: &Path) -> Server {
    let (certificate, key) = identity(authority);
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let files = [
        file("certificate.pem", &certificate),
        file("key.pem", &key),
        file("authority.pem", &authority.pem()),
    ];
    Server::start(&[
        "--port",
        "0",
        "--tls-port",
        "{port}",
        "--tls-auth-clients",
        "yes",
        "--tls-cert-file",
        &files[0],
        "--tls-key-file",
        &files[1],
        "--tls-ca-cert-file",
        &files[2],
    ])
}

#[tokio::test]
async fn certificates_are_checked_on_both_sides() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let server = server(&authority, folder.path());
    let url = format!("rediss://127.0.0.1:{}", server.port);
    let claims = [claim(1, MONTH, 100, 1)];
    let (certificate, key) = identity(&authority);

    let store = RedisStore::builder(&url)
        .timeout(Duration::from_secs(10))
        .roots_pem(authority.pem())
        .identity_pem(&*certificate, &*key)
        .build()
        .unwrap();
    assert!(reserve(&store, &claims).await.unwrap().is_granted);
    assert_eq!(used(&store, &claims[0]).await, 1);

    let hasty = || RedisStore::builder(&url).timeout(Duration::from_secs(2));
    let other = Authority::new();
    let (its_certificate, its_key) = identity(&other);
    let bad = [
        hasty().roots_pem(authority.pem()),
        hasty().roots_pem(other.pem()).identity_pem(&*certificate, &*key),
        hasty().roots_pem(authority.pem()).identity_pem(&*its_certificate, &*its_key),
        RedisStore::builder(server.url()).timeout(Duration::from_secs(2)),
    ];
    for builder in bad {
        let store = builder.build().unwrap();
        assert!(reserve(&store, &claims).await.is_err(), "{store:?}");
    }
    assert_eq!(used(&store, &claims[0]).await, 1);
}

#[cfg(feature = "config")]
#[tokio::test]
async fn a_settings_file_names_the_authorities_and_the_certificate() {
    use http::Response;
    use http_body_util::{BodyExt, Full};
    use tower_ai_gateway::config::Config;
    use tower_ai_gateway::settings::limits::{LimitRule, OnStoreFailure};

    use crate::gateway::Gateway;

    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let server = server(&authority, folder.path());
    let (certificate, key) = identity(&authority);
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("url", &format!("rediss://127.0.0.1:{}", server.port));
    file("identity.pem", &(certificate + &key));
    let ca = "redis_ca = { file = \"authority.pem\" }";
    let identity = "redis_certificate = { file = \"identity.pem\" }";
    for (lines, status) in
        [(vec![ca, identity], 200), (vec![ca], 503), (vec![identity], 503), (vec![], 503)]
    {
        let lines = lines.join("\n");
        file(
            "gateway.toml",
            &format!("[limits]\nredis = {{ file = \"url\" }}\ndeadline_ms = 5000\n{lines}"),
        );
        let config = Config::from_file(folder.path().join("gateway.toml")).unwrap();
        let rule = LimitRule::requests("r", 10, MONTH).on_store_failure(OnStoreFailure::Closed);
        let provider =
            async || Response::new(Full::from("{}").map_err(|never| match never {}).boxed_unsync());
        let gateway = Gateway::new(&config.control_layer(), |set| set.limit(rule), provider);
        assert_eq!(gateway.ask("{}").await.status(), status, "{lines}");
    }
}
