//! Sources of keys that fail, panic or say nothing of use.

use super::*;

#[tokio::test]
async fn invalid_key_sets_are_refused_and_redirects_not_followed() {
    let key = Key::ed("a");
    let elsewhere = Issuer::start(Reply::keys(&[&key])).await;
    let huge = format!("{}{}", set(&[&key]), " ".repeat(1024 * 1024));
    let redirect = |status| Reply::status(status).header("location", elsewhere.url());
    for (reply, expected) in [
        (Reply::text(huge), "larger than 1 MiB"),
        (Reply::text("nonsense"), "no JWKS"),
        (Reply::text("[".repeat(100_000)), "no JWKS"),
        (Reply::text("{\"keys\":[]}"), "no key for signatures"),
        (redirect(302), "302"),
        (redirect(307), "307"),
        (Reply { status: 301, ..Reply::keys(&[&key]) }, "301"),
        (Reply::status(404), "404"),
    ] {
        let issuer = Issuer::start(reply).await;
        let verifier = verifier(Jwks::from_url(&issuer.url()).unwrap());
        let error = verifier.verify(&key.token(&claims())).await.unwrap_err();
        let JwtError::Keys(error) = error else { panic!("{error:?}") };
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn an_unreachable_issuer_is_an_error_with_its_cause() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    drop(listener);
    let error = Jwks::from_url(&url).unwrap().refresh().await.unwrap_err();
    assert!(matches!(error, JwksError::Client(_)), "{error:?}");
    assert!(std::error::Error::source(&error).is_some());
    for url in ["http://issuer.example/keys", "https://a@issuer.example", "keys"] {
        assert!(matches!(Jwks::from_url(url), Err(JwksError::Url)), "{url}");
    }
}

#[tokio::test]
async fn a_custom_client_may_fail_or_panic() {
    let key = Key::ed("a");
    let keys = set(&[&key]);
    let calls = Arc::new(Mutex::new(0));
    let client = service_fn(move |request: Request<Full<Bytes>>| {
        assert_eq!(request.uri(), "https://issuer.test/keys");
        let call = {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        assert!(call != 1, "the first one panics");
        let keys = keys.clone();
        async move {
            match call {
                2 => Err(BoxError::from("no way there")),
                _ => Ok(Response::new(Full::<Bytes>::from(keys))),
            }
        }
    });
    let jwks =
        Jwks::builder("https://issuer.test/keys", client).unwrap().min_interval(Duration::ZERO);
    let verifier = verifier(jwks.build());
    for expected in ["broken off", "no way there"] {
        let error = verifier.verify(&key.token(&claims())).await.unwrap_err();
        let JwtError::Keys(JwksError::Client(cause)) = error else { panic!("{error:?}") };
        assert!(cause.to_string().contains(expected), "{cause}");
    }
    verifier.verify(&key.token(&claims())).await.unwrap();
}

#[tokio::test]
async fn a_key_file_is_reloaded() {
    let (old, new) = (Key::ed("old"), Key::ed("new"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    assert!(matches!(Jwks::from_file(&path), Err(JwksError::File(_))));
    std::fs::write(&path, "{}").unwrap();
    assert!(matches!(Jwks::from_file(&path), Err(JwksError::Malformed)));
    std::fs::write(&path, set(&[&old])).unwrap();
    let jwks = Jwks::from_file(&path).unwrap();
    let verifier = verifier(jwks.clone());
    verifier.verify(&old.token(&claims())).await.unwrap();
    std::fs::write(&path, set(&[&new])).unwrap();
    verifier.verify(&new.token(&claims())).await.unwrap();
    verifier.verify(&old.token(&claims())).await.unwrap_err();
    std::fs::write(&path, "broken").unwrap();
    assert!(matches!(jwks.refresh().await, Err(JwksError::Malformed)));
    verifier.verify(&new.token(&claims())).await.unwrap();
    std::fs::write(&path, set(&[&old])).unwrap();
    jwks.refresh().await.unwrap();
    verifier.verify(&old.token(&claims())).await.unwrap();
}
