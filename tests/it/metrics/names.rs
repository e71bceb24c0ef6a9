//! The dashboard and the documentation name exactly the existing metrics.

/// All metrics exist only with the feature `limits`.
#[cfg(feature = "limits")]
#[tokio::test]
async fn the_dashboard_and_the_documentation_name_existing_metrics() {
    use std::collections::BTreeSet;

    use tower_ai_gateway::guard::{GuardRequest, Verdict};
    use tower_ai_gateway::hook::CacheStatus;
    use tower_ai_gateway::{GatewayLayer, Guard, Provider};

    use crate::metrics::health::Upstream;
    use crate::metrics::memory::exchange;
    use crate::metrics::scene::{Scene, page, recorder};
    use crate::support::scrape;

    struct Flags;

    impl Guard for Flags {
        async fn check(&self, _: GuardRequest<'_>) -> Verdict {
            Verdict::flag("odd")
        }
    }

    let mut scene = Scene::new(|metrics| metrics).await;
    for model in ["grok-4.3", "stream", "unpriced"] {
        scene.chat(model).await;
    }
    let (cached, handle) = recorder();
    let builder =
        GatewayLayer::builder().provider(Provider::xai()).metrics_hook(cached).guard(Flags);
    exchange(&builder.build().unwrap(), CacheStatus::Hit).await;
    let mut scraped = scene.page().names();
    scraped.extend(page(&handle).names());
    let unwell = Upstream::new();
    unwell.ask(500).await;
    unwell.ask(500).await;
    scraped.extend(unwell.page().names());
    scraped.extend(crate::metrics::limits::refused().await.names());
    assert!(scraped.len() > 17, "{scraped:?}");

    let dashboard = include_str!("../../../examples/grafana/tower-ai-gateway.json");
    let used = scrape::names_in_dashboard(dashboard);
    let unknown: BTreeSet<_> = used.difference(&scraped).collect();
    assert!(used.len() > 15 && unknown.is_empty(), "{unknown:?} of {used:?}");

    let documentation = include_str!("../../../src/hook/metrics/mod.rs");
    let documented = scrape::names_in_table(documentation);
    let families: BTreeSet<_> = scraped.iter().map(|name| scrape::family(name)).collect();
    assert_eq!(families, documented);
    let shown: BTreeSet<_> = used.iter().map(|name| scrape::family(name)).collect();
    assert_eq!(shown, documented, "the dashboard shows every metric");
}

/// An error has no response model, so a filter by that label alone would hide it.
#[test]
fn the_dashboard_filters_by_either_model() {
    let dashboard = include_str!("../../../examples/grafana/tower-ai-gateway.json");
    assert!(dashboard.matches(r#"gen_ai_response_model=~\"$model\""#).count() > 20);
    for line in dashboard.lines().filter(|line| line.contains(r#"_model=~\"$model\""#)) {
        let by = |kind| line.matches(&format!(r#"gen_ai_{kind}_model=~\"$model\""#)).count();
        assert_eq!(by("response"), by("request"), "{line}");
    }
}
