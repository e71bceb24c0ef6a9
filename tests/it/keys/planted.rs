//! Checks that leaks are detected.

use crate::keys::leaky::Leak;
use crate::keys::oracle::key;
use crate::keys::scene::*;

async fn check(leak: Leak) -> Result<(), String> {
    let pair = Pair { from: "grok".to_owned(), to: "openai".to_owned() };
    let sent = Sent {
        path: "/v1/acct/gw/grok/v1/chat/completions".to_owned(),
        headers: vec![("authorization".to_owned(), format!("Bearer {}", key("grok")))],
        body: r#"{"model":"m"}"#.to_owned(),
    };
    pair.send(&sent, Trouble::Busy, false, leak).await.check(slug)
}

#[tokio::test(start_paused = true)]
async fn every_planted_leak_is_detected() {
    assert_eq!(check(Leak::Nowhere).await, Ok(()));
    for leak in [Leak::NextKey, Leak::NextHeader, Leak::NextQuery] {
        let error = check(leak).await.unwrap_err();
        assert!(error.starts_with("openai has seen the key for grok"), "{leak:?}: {error}");
    }
    let error = check(Leak::Response).await.unwrap_err();
    assert!(error.starts_with("the key for grok was leaked"), "{error}");
}
