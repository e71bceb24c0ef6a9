//! Which users may use Redis, and by which URL.

use tower_ai_gateway::settings::Secret;

use super::trouble::{LONG, texts};
use super::*;
use crate::polling::TOO_LONG;

#[tokio::test]
async fn users_of_the_acl_are_admitted_and_no_password_is_shown() {
    let server = Server::start(&["--requirepass", "the-default-password"]);
    let mut admin = server::Wire::connect(server.port).unwrap();
    admin.call(&["AUTH", "the-default-password"]).unwrap();
    let rules = ["ACL", "SETUSER", "gateway", "on", ">the-gateway-password", "~taig:*"];
    let commands = ["+evalsha", "+eval", "+time", "+mget", "+get", "+set", "+zadd", "+zrem"];
    let more = ["+zscore", "+zrange", "+zrangebyscore", "+pexpire", "+ping", "+hello", "+client"];
    let words = [&rules[..], &commands, &more].concat();
    assert_eq!(admin.call(&words).unwrap(), server::Reply::Text("OK".to_owned()));

    let builder = || RedisStore::builder(server.url()).timeout(Duration::from_secs(10));
    let password = |text| Secret::new(text).unwrap();
    let good = builder().user("gateway").password(password("the-gateway-password"));
    assert!(!format!("{good:?}").contains("password"));
    let good = good.build().unwrap();
    let claims = [leased(claim(1, MONTH, 100, 1), LONG)];
    let id = next_id();
    let decision = good.reserve(id, &claims).await.unwrap();
    good.settle(id, &[settlement(claims[0], &decision, 2)]);
    assert!(good.flush(TOO_LONG).await);
    assert_eq!(used(&good, &claims[0]).await, 2);
    assert!(!format!("{good:?}").contains("password"));

    let in_url = format!("redis://gateway:the-gateway-password@127.0.0.1:{}", server.port);
    let in_url = RedisStore::builder(in_url).timeout(Duration::from_secs(10)).build().unwrap();
    assert_eq!(used(&in_url, &claims[0]).await, 2);

    let bad = builder()
        .timeout(Duration::from_secs(1))
        .user("gateway")
        .password(password("another-password"))
        .build()
        .unwrap();
    let error = reserve(&bad, &claims).await.unwrap_err();
    for text in [texts(&error), format!("{bad:?}")] {
        assert!(!text.contains("password") && !text.contains("another"), "{text}");
    }
}

#[test]
fn an_invalid_url_is_refused_and_not_shown() {
    for url in ["http://user:pass-word@host", "redis://user:pass-word@host:port", "", "redis://"] {
        let error = RedisStore::builder(url).build().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("pass-word"), "{error}");
    }
    let error = RedisStore::builder("rediss://127.0.0.1:1#insecure").build().unwrap_err();
    assert!(error.to_string().contains("URL"), "{error}");
    assert!(RedisStore::cluster(Vec::<String>::new()).build().is_err());
    for prefix in ["", "a{b", "a b"] {
        assert!(RedisStore::builder("redis://host").prefix(prefix).build().is_err());
    }
    assert!(RedisStore::builder("redis://host").roots_pem("x").build().is_err());
    assert!(RedisStore::builder("rediss://host").roots_pem("x").build().is_err());
}
