//! One path in all styles leads to one place.

use super::*;

/// The result for a rest under one style of path.
async fn outcome(gateway: Gateway, upstream: &Recorder, target: &str) -> Result<String, u16> {
    let answer = gateway.answer(post(target, "")).await;
    let came = upstream.requests();
    upstream.clear();
    if answer.status() != 200 {
        assert!(came.is_empty(), "{target} was refused, and sent all the same");
        return Err(answer.status());
    }
    let [came] = &came[..] else { panic!("{target} was sent {} times", came.len()) };
    assert_eq!(came.head.get("host"), Some(&*upstream.addr().to_string()), "{target}");
    Ok(came.head.target().to_owned())
}

#[test]
fn all_path_styles_give_the_same_upstream_path_or_all_refuse() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let upstream = runtime.block_on(Recorder::start());
    let gateway = runtime.block_on(Gateway::start(upstream.base("/v1")));
    let parts = prop::sample::select(vec![
        "..",
        ".",
        "%2e",
        "%2F",
        "%5c",
        "%25",
        "%",
        "/",
        "//",
        "\\",
        ";",
        ":",
        "@",
        "127.0.0.1:9",
        "v1",
        "chat",
        "grok",
        "compat",
        "http://evil.example/",
        "a b",
        "%00",
        "é",
        "#x",
        "?",
        "?x=1",
        "&",
        "*",
        "~",
    ]);
    let rest = prop::collection::vec(parts, 0..8).prop_map(|parts| parts.concat());
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&rest, |rest| {
            // A blank would end the request target.
            let rest = rest.replace(' ', "+");
            let outcomes = runtime.block_on(async {
                let mut outcomes = Vec::new();
                for style in [
                    "/ai/grok/",
                    "/v1/a/g/grok/",
                    "/only/xai/",
                    "http://evil.example:1/v1/a/g/xai/",
                ] {
                    outcomes.push(outcome(gateway, &upstream, &format!("{style}{rest}")).await);
                }
                outcomes
            });
            prop_assert!(
                outcomes.iter().all(|other| *other == outcomes[0]),
                "{}: {:?}",
                rest,
                outcomes
            );
            match &outcomes[0] {
                Ok(target) => prop_assert!(
                    target == "/v1" || target.starts_with("/v1/") || target.starts_with("/v1?")
                ),
                Err(status) => prop_assert_eq!(*status, 400),
            }
            Ok(())
        })
        .unwrap();
}
