//! The savings of affinity at a provider that caches prompts per key.

use crate::affinity::prompt_cache::{Naming, PromptCaches, converse};

#[tokio::test]
async fn a_conversation_that_keeps_its_key_hits_the_providers_cache() {
    fastrand::seed(7);
    let run = |keys, naming| converse(24, 10, keys, naming);
    let share = |caches: &PromptCaches| caches.tokens.share();
    let single = run([1, 1], Naming::Header).await;
    let by_load = run([4, 4], Naming::SwitchedOff).await;
    let by_header = run([4, 4], Naming::Header).await;
    let by_body = run([4, 4], Naming::PromptCacheKey).await;
    // All keys are used, at nearly no loss compared to a single key.
    for caches in [&by_load, &by_header, &by_body] {
        assert_eq!(caches.requests.len(), 4);
    }
    let shares = [&single, &by_load, &by_header, &by_body].map(share);
    assert!(shares[2] > 0.98 * shares[0] && shares[3] > 0.98 * shares[0], "{shares:?}");
    assert!(shares[1] < 0.85 * shares[2], "{shares:?}");
    // A new key costs its share of the conversations one turn each.
    let grown = run([4, 5], Naming::Header).await;
    assert!(share(&grown) > 0.9 * shares[2], "{} of {shares:?}", share(&grown));
}
