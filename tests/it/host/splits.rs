//! A caller's share of a split depends on its identity and not on its claims.

use std::collections::BTreeSet;

use crate::host::scene::{BLUE, HOSTILE, RED, Scene, UNIFIED};

const ANNA: &str = "x-session: red-2";

/// The caller's model on a route, with this header.
async fn model(scene: &mut Scene, session: &str, route: &str, header: &str) -> String {
    let (answer, ..) = scene.ask(UNIFIED, &[session, header], &format!("dynamic/{route}")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent = scene.provider.requests().pop().unwrap().json();
    sent["model"].as_str().unwrap().to_owned()
}

/// Metadata that claim a different subject, team and user each time.
fn claims() -> impl Iterator<Item = String> {
    let claim = |id| {
        format!(
            r#"cf-aig-metadata: {{"subject":"user-{id}","team":"team-{id}","identity.subject":"{id}","user_id":{id}}}"#
        )
    };
    let hostile = HOSTILE.into_iter().map(str::to_owned);
    (0..40).map(claim).chain(["accept: */*".to_owned()]).chain(hostile)
}

/// All models that a caller reaches on a route by varying its metadata.
async fn reached(scene: &mut Scene, session: &str, route: &str) -> Vec<String> {
    let mut models = BTreeSet::new();
    for header in claims() {
        models.insert(model(scene, session, route, &header).await);
    }
    models.into_iter().collect()
}

#[tokio::test]
async fn a_client_cannot_change_its_share_by_metadata() {
    let mut scene = Scene::new().await;
    // Both models are reached, so the split works.
    for (session, model) in [(RED, "grok-4"), (BLUE, "grok-3-mini")] {
        assert_eq!(reached(&mut scene, session, "by-subject").await, [model], "{session}");
        assert_eq!(reached(&mut scene, session, "by-team").await, [model], "{session}");
        // These claims change the model if the split uses them.
        assert_eq!(reached(&mut scene, session, "by-claim").await.len(), 2, "{session}");
    }
}

#[tokio::test]
async fn a_team_is_in_one_share_in_every_gateway() {
    for _ in 0..3 {
        let mut scene = Scene::new().await;
        for (session, expected) in [(RED, "grok-4"), (ANNA, "grok-4"), (BLUE, "grok-3-mini")] {
            let model = model(&mut scene, session, "by-team", "accept: */*").await;
            assert_eq!(model, expected, "{session}");
        }
    }
}

#[tokio::test]
async fn without_an_identity_the_share_is_random() {
    let mut scene = Scene::new().await;
    let mut models = BTreeSet::new();
    for _ in 0..100 {
        let header = r#"cf-aig-metadata: {"subject":"red/alice"}"#;
        models.insert(model(&mut scene, "x-session: none", "by-subject", header).await);
    }
    assert_eq!(models.len(), 2);
}
