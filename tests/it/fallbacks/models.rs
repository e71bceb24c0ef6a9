//! Changing the model in a body, and nothing else.

use proptest::prelude::*;
use proptest::sample::Index;
use tower_ai_gateway::settings::FallbackChain;

use crate::fallbacks::scene::*;

/// The parts before and after the model.
const AROUND: &[(&str, &str)] = &[
    ("{", "}"),
    ("{", r#","stream":false,"messages":[{"role":"user","content":"\"model\":\"x\""}]}"#),
    (r#"{"n":{"model":"inner"},"x" : [ "model" ], "#, " ,\"a\":1e3}\n"),
    ("\u{feff}{ \t", "\r\n}"),
    (r#"{"messages":[{"model":"grok-4"}],"#, r#","é":"é","é":2}"#),
];

fn chain() -> FallbackChain {
    FallbackChain::on("grok-4*").to_model("a \"longer\" name, for all to see").to("openai", "m")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn only_the_model_changes_in_any_split(
        around in prop::sample::select(AROUND),
        key in prop::sample::select(&[r#""model":"#, r#""mod\u0065l" : "#][..]),
        model in prop::sample::select(&["grok-4", "grok-4-fast", r"grok\u002d4"][..]),
        is_unified in any::<bool>(),
        cuts in prop::collection::vec(any::<Index>(), 0..6),
    ) {
        let with = |model: &str| format!("{}{key}\"{model}\"{}", around.0, around.1);
        let prefix = if is_unified { "xai/" } else { "" };
        let sent = with(&format!("{prefix}{model}"));
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(sent.len() + 1)).collect();
        cuts.extend([0, sent.len()]);
        cuts.sort_unstable();
        let frames: Vec<_> = cuts.windows(2).map(|ends| &sent.as_bytes()[ends[0]..ends[1]]).collect();
        let scene = Scene::new(keys().fallback(chain()), busy(&[GROK]));
        let path = if is_unified { COMPAT } else { CHAT };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let got = runtime.block_on(scene.send_in(path, &[], &frames));
        prop_assert_eq!(got.status, 200);
        let calls = scene.upstream.calls();
        let expected = [model, r#"a \"longer\" name, for all to see"#, "m"].map(with);
        prop_assert_eq!(calls.len(), 3);
        for (call, expected) in calls.iter().zip(&expected) {
            prop_assert_eq!(call.text(), expected);
            prop_assert_eq!(call.header("content-length"), Some(&*expected.len().to_string()));
        }
    }
}

#[tokio::test]
async fn without_a_model_only_steps_that_keep_it_are_tried() {
    for body in ["{}", r#"{"n":{"model":"grok-4"}}"#, "", "[]"] {
        let chain = || {
            FallbackChain::on("*")
                .to_model("m")
                .to_provider("openai")
                .to("acme", "a")
                .to_provider("acme")
        };
        let scene = Scene::new(keys().fallback(chain()), busy(&[GROK, OPENAI]));
        let got = scene.send(CHAT, &[], body).await;
        assert_eq!(got.answered_by(), ("4", Some("custom-acme"), None), "{body}");
        assert_eq!(scene.upstream.authorities(), [GROK, OPENAI, ACME]);
        assert!(scene.upstream.calls().iter().all(|call| call.text() == body));
        // A chain for certain models does not apply to it.
        let scene = Scene::new(
            keys().fallback(FallbackChain::on("grok*").to_provider("openai")),
            busy(&[GROK]),
        );
        assert_eq!(scene.send(CHAT, &[], body).await.status, 503);
        assert_eq!(scene.upstream.count(), 1);
    }
}

#[tokio::test]
async fn a_body_with_an_unreadable_model_has_no_fallback() {
    for body in [
        r#"{"model":"grok-4","model":"grok-3"}"#,
        r#"{"model":"grok-4","mod\u0065l":"grok-4"}"#,
        r#"{"model":1}"#,
        r#"{"model":"grok-4""#,
        r#"{"model":"\ud800"}"#,
    ] {
        let chain = FallbackChain::on("*").to_model("m").to_provider("openai").to("openai", "m");
        let scene = Scene::new(keys().fallback(chain), busy(&[GROK]));
        let got = scene.send(CHAT, &[], body).await;
        assert_eq!((got.status, got.text()), (503, r#"{"from":"api.x.ai"}"#), "{body}");
        assert_eq!((got.header("cf-aig-step"), scene.upstream.count()), (Some("0"), 1));
    }
}
