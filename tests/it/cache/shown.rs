//! Sealed keys, as operators see them and purge by them.

use tower_ai_gateway::control::cache::{CacheStoreError, PurgeTarget, SealedKey};

use super::*;

const OTHER: &str = r#"{"model":"grok-4","messages":[{"role":"user","content":"bye"}]}"#;

fn target(entry: &str) -> PurgeTarget {
    PurgeTarget::gateway("main").account("acct").sealed_entry(entry.parse().unwrap())
}

/// The sealed keys of the end events until now.
fn entries(stage: &Stage) -> Vec<Option<String>> {
    stage.recorder.ends().into_iter().map(|end| end.cache_entry).collect()
}

#[tokio::test]
async fn an_entry_is_purged_by_the_sealed_key_of_its_events() {
    let stage = Stage::new();
    for question in [QUESTION, OTHER] {
        text(stage.fill(question, TEXT).await).await;
        let hit = stage.send(ask(question)).await;
        assert_eq!(status(&hit), "HIT");
        text(hit).await;
    }
    let told: Vec<String> = entries(&stage).into_iter().map(Option::unwrap).collect();
    assert_eq!((&told[0], &told[2]), (&told[1], &told[3]));
    assert_ne!(told[0], told[2]);
    assert_eq!(told[0].len(), 80);

    let wrong =
        stage.cache.purge(PurgeTarget::gateway("other").sealed_entry(told[0].parse().unwrap()));
    assert!(matches!(wrong.await, Err(CacheStoreError::UnknownKey)), "of another gateway");
    let unknown: SealedKey = "0".repeat(80).parse().unwrap();
    let unknown =
        stage.cache.purge(PurgeTarget::gateway("main").account("acct").sealed_entry(unknown));
    assert!(matches!(unknown.await, Err(CacheStoreError::UnknownKey)));
    assert_eq!(status(&stage.send(ask(QUESTION)).await), "HIT");

    stage.cache.purge(target(&told[0])).await.unwrap();
    assert_eq!(status(&stage.send(ask(OTHER)).await), "HIT", "nothing else goes");
    assert!(!is_kept(&stage).await);
    stage.finish().await;
}

#[tokio::test]
async fn no_client_gets_the_sealed_key_and_a_bypass_has_none() {
    let stage = Stage::new();
    let miss = stage.fill(QUESTION, TEXT).await;
    let headers = format!("{:?}", miss.headers());
    text(miss).await;
    let entry = entries(&stage)[0].clone().unwrap();
    let hit = stage.send(ask(QUESTION)).await;
    for headers in [headers, format!("{:?}", hit.headers())] {
        assert!(!headers.contains(&entry[..16]), "{headers}");
    }
    drop(hit);
    let mut skips = ask(QUESTION);
    skips.headers_mut().insert("cf-aig-skip-cache", "true".parse().unwrap());
    let bypass = stage.spawn(skips);
    stage.asked().await.answer_whole(JSON, TEXT);
    let bypass = bypass.await.unwrap();
    assert_eq!(status(&bypass), "BYPASS");
    text(bypass).await;
    assert_eq!(entries(&stage).last(), Some(&None));
    stage.finish().await;
}

/// The keys of one store tell nothing to whoever knows the responses of another.
#[tokio::test]
async fn the_sealed_key_differs_between_processes() {
    let mut told = Vec::new();
    for _ in 0..2 {
        let stage = Stage::new();
        text(stage.fill(QUESTION, TEXT).await).await;
        told.extend(entries(&stage).remove(0));
        stage.finish().await;
    }
    assert_eq!(told.len(), 2);
    assert_ne!(told[0], told[1]);
}
