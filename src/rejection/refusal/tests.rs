//! The values and bounds of a refusal.

use super::*;

#[test]
fn a_refusal_never_looks_like_an_answer() {
    for status in 100..1000 {
        let refusal = Refusal::new(StatusCode::from_u16(status).unwrap(), "no");
        let expected = if (400..600).contains(&status) { status } else { 500 };
        assert_eq!(refusal.status(), expected, "{status}");
        assert_eq!(refusal.gateway_code(), 2000 + expected);
    }
}

#[test]
fn each_kind_has_its_code_and_retry_advice() {
    for (refusal, status, code, retry) in [
        (Refusal::unauthorized("no"), 401, 2009, Some(false)),
        (Refusal::forbidden("no"), 403, 2403, Some(false)),
        (Refusal::not_found("no"), 404, 2001, Some(false)),
        (Refusal::rate_limited("no"), 429, 2003, None),
        (Refusal::over_budget("no"), 429, 2041, Some(false)),
        (Refusal::unavailable("no"), 503, 2503, Some(true)),
    ] {
        assert_eq!((refusal.status().as_u16(), refusal.gateway_code()), (status, code));
        assert_eq!(refusal.0.retry, retry, "{status}");
    }
}

#[test]
fn texts_are_cut_between_characters() {
    let long = "é".repeat(1000);
    let refusal = Refusal::forbidden(format!("x{long}")).name(long.clone()).param(long);
    assert_eq!(refusal.message().len(), 1023);
    assert_eq!(refusal.0.name.as_deref().map(str::len), Some(128));
    assert_eq!(refusal.0.param.as_deref().map(str::len), Some(128));
    assert_eq!(Refusal::forbidden("short").message(), "short");
}

#[test]
fn a_refusal_is_as_small_as_a_pointer() {
    assert_eq!(size_of::<Result<(), Refusal>>(), size_of::<usize>());
    let error: tower::BoxError = Refusal::forbidden("not today").into();
    assert_eq!(error.to_string(), "refused with 403: not today");
}
