//! What affinity saves with a provider that caches prompts for each key.

use crate::affinity::prompt_cache::{Naming, PromptCaches, converse};

#[tokio::test]
async fn a_conversation_that_stays_is_served_from_the_cache() {
    fastrand::seed(7);
    let run = |keys, naming| converse(24, 10, keys, naming);
    let share = |caches: &PromptCaches| caches.tokens.share();
    let single = run([1, 1], Naming::Header).await;
    let by_load = run([4, 4], Naming::SwitchedOff).await;
    let by_header = run([4, 4], Naming::Header).await;
    let by_body = run([4, 4], Naming::PromptCacheKey).await;
    // All keys are used, and nearly nothing is lost against a single one.
    for caches in [&by_load, &by_header, &by_body] {
        assert_eq!(caches.requests.len(), 4);
    }
    let shares = [&single, &by_load, &by_header, &by_body].map(share);
    assert!(shares[2] > 0.98 * shares[0] && shares[3] > 0.98 * shares[0], "{shares:?}");
    assert!(shares[1] < 0.85 * shares[2], "{shares:?}");
    // A key more costs its part of the conversations one turn each.
    let grown = run([4, 5], Naming::Header).await;
    assert!(share(&grown) > 0.9 * shares[2], "{} of {shares:?}", share(&grown));
}
