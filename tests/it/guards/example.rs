//! The example blocks card numbers.

#[path = "../../../examples/guard.rs"]
#[allow(dead_code)]
mod guard;

use self::guard::NoCards;
use crate::guards::scene::*;
use crate::support::message::request;
use crate::support::raw_upstream::Recorder;

#[tokio::test]
async fn the_example_refuses_prompts_with_a_card_number() {
    let provider = Recorder::start().await;
    let gateway = serve(layer(&provider).guard(NoCards)).await;
    let body = |text: &str| {
        format!(r#"{{"model":"grok/grok-4","messages":[{{"role":"user","content":"{text}"}}]}}"#)
    };
    for text in [
        "4111111111111111",
        "my card is 4111 1111 1111 1111, please",
        "5500-0000-0000-0004",
        "at 12 3782 822463 10005",
        r"\u0034111 1111 1111 1111",
        r"4111 1111\n1111 1111",
        "4111\u{a0}1111\u{a0}1111\u{a0}1111",
    ] {
        for line in [NATIVE, COMPAT] {
            let answer = gateway.answer(request(line, &[JSON], body(text).as_bytes())).await;
            answer.gateway_error(422, 2029);
        }
    }
    gateway.answer(request(NATIVE, &[], &[b'x'; 1 << 21])).await.gateway_error(413, 2413);
    // Lenient providers would decode these escapes, although they are not strictly valid.
    let loose = format!(r#"{{"x":NaN,{}"#, &body(r"\u0034111 1111 1111 1111")[1..]);
    gateway.answer(request(NATIVE, &[JSON], loose.as_bytes())).await.gateway_error(400, 2400);
    let gzip = &["content-encoding: gzip"];
    gateway.answer(request(NATIVE, gzip, b"4")).await.gateway_error(413, 2413);
    provider.assert_untouched("all is refused");
    for text in ["4111 1111 1111 1112", "call 555 0100", "1234567890123", "", "2026-11-29 10:00"] {
        let answer = gateway.answer(request(COMPAT, &[JSON], body(text).as_bytes())).await;
        assert_eq!(answer.status(), 200, "{text}");
    }
}
