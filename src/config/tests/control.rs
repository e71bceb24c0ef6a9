//! The sections `[health]` and `[retry]`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};

use super::refusals::{of_file, says};
use super::*;
use crate::control::health::{Unavailable, UnavailableReason};
use crate::control::{ControlLayer, RetrySettings};

fn layer(text: &str) -> ControlLayer {
    read(text).unwrap().control_layer()
}

/// The statuses of `calls` requests with this body if the upstream always answers with `status`,
/// and the number of upstream calls.
async fn call(
    layer: &ControlLayer,
    answer: StatusCode,
    calls: usize,
    body: &'static str,
) -> (Vec<Result<StatusCode, UnavailableReason>>, usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let upstream = service_fn(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(Full::<Bytes>::default());
        *response.status_mut() = answer;
        async move { Ok::<_, Infallible>(response) }
    });
    let service = layer.layer(upstream);
    let mut outcomes = Vec::new();
    for _ in 0..calls {
        let request = Request::post("http://upstream.invalid/v1/chat/completions")
            .header("authorization", "Bearer test-key")
            .body(Full::from(body))
            .unwrap();
        outcomes.push(match service.clone().oneshot(request).await {
            Ok(response) => Ok(response.status()),
            Err(error) => Err(error.downcast_ref::<Unavailable>().unwrap().reason),
        });
    }
    (outcomes, asked.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn breakers_and_cool_downs_are_off_until_they_are_there() {
    const UNWELL: StatusCode = StatusCode::BAD_GATEWAY;
    for text in ["", "[health]", "[health.cool_down]", "[retry]"] {
        assert_eq!(call(&layer(text), UNWELL, 9, "").await.1, 9, "{text}");
    }
    assert_eq!(call(&layer("[health]\nbreaker = {}"), UNWELL, 9, "").await.1, 5);
    let breaker = layer("[health]\nbreaker = { failures_in_a_row = 2, open_ms = 1_500 }");
    let (outcomes, asked) = call(&breaker, UNWELL, 3, "").await;
    assert_eq!(asked, 2);
    assert_eq!(outcomes.last(), Some(&Err(UnavailableReason::CircuitOpen)));
    tokio::time::advance(Duration::from_millis(1_600)).await;
    assert_eq!(call(&breaker, UNWELL, 1, "").await.1, 1);

    const THROTTLED: StatusCode = StatusCode::TOO_MANY_REQUESTS;
    for text in ["", "[health.breaker]"] {
        assert_eq!(call(&layer(text), THROTTLED, 9, "").await.1, 9, "{text}");
    }
    let cool_down = layer("[health]\ncool_down = { default_ms = 200 }");
    assert_eq!(call(&cool_down, THROTTLED, 9, "").await.1, 1);
    tokio::time::advance(Duration::from_millis(300)).await;
    assert_eq!(call(&cool_down, THROTTLED, 9, "").await.1, 1);
}

#[tokio::test(start_paused = true)]
async fn the_share_counts_within_its_window() {
    let text = "[health.breaker]\nfailures_in_a_row = 1_000\nfailed_share = 1\nmin_calls = 3\n\
                window_ms = 1_000";
    let breaker = layer(text);
    assert_eq!(call(&breaker, StatusCode::BAD_GATEWAY, 2, "").await.1, 2);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(call(&breaker, StatusCode::BAD_GATEWAY, 9, "").await.1, 3);
}

#[tokio::test(start_paused = true)]
async fn retries_have_the_budget_and_the_room_of_the_file() {
    let again = RetrySettings::attempts(5).delay(Duration::ZERO);
    for (text, body, calls) in [
        ("", "0123456789", 5),
        ("[retry]\nbudget_share = 0", "0123456789", 5),
        ("[retry]\nbudget_per_second = 0\nbudget_share = 0.0", "", 1),
        // A frame counts 64 bytes more than its length.
        ("[retry]\nmax_body_bytes = 74", "0123456789", 5),
        ("[retry]\nmax_body_bytes = 73", "0123456789", 1),
    ] {
        let layer = layer(text).retry(again);
        let (_, asked) = call(&layer, StatusCode::BAD_GATEWAY, 1, body).await;
        assert_eq!(asked, calls, "{text}");
    }
}

#[test]
fn all_of_both_sections_is_read() {
    let one = "[health]\nbreaker = { failures_in_a_row = 3, failed_share = 0.25, min_calls = 4, \
               window_ms = 10, open_ms = 86_400_000, probe_ms = 7 }\ncool_down = { default_ms = 0, cap_ms = 1 }\n\
               [retry]\nbudget_per_second = 0\nbudget_share = 1000\nmax_body_bytes = 0";
    let config = read(one).unwrap();
    assert!(config.has_same_control(&read(one).unwrap()));
    for (from, to) in [
        ("failures_in_a_row = 3", "failures_in_a_row = 4"),
        ("failed_share = 0.25", "failed_share = 0.5"),
        ("min_calls = 4", "min_calls = 5"),
        ("window_ms = 10", "window_ms = 11"),
        ("open_ms = 86_400_000", "open_ms = 1"),
        ("probe_ms = 7", "probe_ms = 8"),
        ("default_ms = 0", "default_ms = 1"),
        ("cap_ms = 1", "cap_ms = 2"),
        ("budget_per_second = 0", "budget_per_second = 1"),
        ("budget_share = 1000", "budget_share = 999.5"),
        ("max_body_bytes = 0", "max_body_bytes = 1"),
    ] {
        let other = one.replace(from, to);
        assert!(!config.has_same_control(&read(&other).unwrap()), "{to}");
    }
}

#[test]
fn mistakes_are_found_with_their_line_and_key() {
    for (text, start, part) in [
        ("[health]\nbraker = {}", "line 2, health.braker: ", "no setting of this name"),
        ("health = 1", "line 1, health: ", "a table"),
        ("[health]\nbreaker = true", "line 2, health.breaker: ", "a table"),
        ("[health.breaker]\nopen = 1", "line 2, health.breaker.open: ", "no setting"),
        ("[retry]\nattempts = 3", "line 2, retry.attempts: ", "no setting"),
        ("[retry]\n\nbudget_share = 1000.1", "line 3, retry.budget_share: ", "from 0 to 1000"),
    ] {
        says(&of_file(text), start, part);
    }
    let ranges: [(&str, &[&str], &str); 11] = [
        ("health.breaker.failures_in_a_row", &["0", "1_000_001", "1.5", "\"5\""], "from 1 to"),
        ("health.breaker.failed_share", &["0", "-0.5", "1.01", "nan", "inf", "true"], "above 0"),
        ("health.breaker.min_calls", &["0", "1_000_001"], "from 1 to 1000000"),
        ("health.breaker.window_ms", &["9", "86_400_001"], "from 10 to 86400000"),
        ("health.breaker.open_ms", &["0", "86_400_001"], "from 1 to 86400000"),
        ("health.breaker.probe_ms", &["0", "86_400_001"], "from 1 to 86400000"),
        ("health.cool_down.default_ms", &["-1", "86_400_001"], "from 0 to 86400000"),
        ("health.cool_down.cap_ms", &["0", "86_400_001"], "from 1 to 86400000"),
        ("retry.budget_per_second", &["-1", "1_000_001", "0.5"], "from 0 to 1000000"),
        ("retry.budget_share", &["-1", "1001", "nan"], "from 0 to 1000"),
        ("retry.max_body_bytes", &["-1", "1_073_741_825"], "from 0 to 1073741824"),
    ];
    for (key, values, part) in ranges {
        for value in values {
            says(&of_file(&format!("\n{key} = {value}")), &format!("line 2, {key}: "), part);
        }
    }
}

#[test]
fn a_cool_down_is_no_longer_than_its_cap() {
    let said = of_file("[health]\n\ncool_down = { default_ms = 2, cap_ms = 1 }");
    says(&said, "line 3, health.cool_down: ", "longer than `cap_ms`");
    says(&of_file("health.cool_down.default_ms = 30_001"), "line 1, health.cool_down: ", "30000");
    // The implicit default is capped instead.
    assert!(read("health.cool_down.cap_ms = 500").is_ok());
}

#[test]
fn the_longest_connect_timeout_is_that_of_any_gateway_and_provider() {
    let longest = |text: &str| read(text).unwrap().longest_connect_timeout();
    assert_eq!(longest("[gateways.a]\ntimeouts = { head_ms = 9 }"), None);
    let text = "
        unknown_gateways = \"serve\"
        [default]
        timeouts = { connect_ms = 1 }
        [gateways.a]
        timeouts = { connect_ms = 2 }";
    assert_eq!(longest(text), Some(Duration::from_millis(2)));
    let text = format!("{text}\ndefaults = {{ connect_timeout_ms = 3 }}");
    assert_eq!(longest(&text), Some(Duration::from_millis(3)));
    let text = format!("{text}\nprovider_timeouts = {{ grok = {{ connect_ms = 4 }} }}");
    assert_eq!(longest(&text), Some(Duration::from_millis(4)));
}
