//! Which headers reach the client, and which do not.

use super::*;

#[test]
fn a_provider_cannot_send_headers_of_the_gateway() {
    let mut headers = map(&[
        ("content-type", "text/plain"),
        ("x-request-id", "r"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("cf-aig-log-id", "forged"),
        ("authorization", "echo"),
        ("x-api-key", "echo"),
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("trailer", "grpc-status"),
        ("location", "https://else.where/"),
        ("transfer-encoding", "chunked"),
        ("content-length", "4"),
        ("cf-ray", "r"),
        ("www-authenticate", "Bearer"),
    ]);
    assert!(strip_response(&mut headers, false));
    let kept = [
        ("content-type", "text/plain"),
        ("x-request-id", "r"),
        ("location", "https://else.where/"),
        ("cf-ray", "r"),
        ("www-authenticate", "Bearer"),
    ];
    assert_eq!(headers, map(&kept));
}

#[test]
fn a_provider_rules_neither_the_origin_nor_a_proxy_in_front() {
    let mut headers = map(&[
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("clear-site-data", "*"),
        ("nel", "{}"),
        ("public-key-pins", "p"),
        ("refresh", "0; url=https://else.where/"),
        ("report-to", "{}"),
        ("reporting-endpoints", "a=\"https://else.where/\""),
        ("service-worker-allowed", "/"),
        ("set-cookie2", "c=3"),
        ("x-accel-redirect", "/internal/"),
        ("x-sendfile", "/etc/passwd"),
        ("x-lighttpd-send-file", "/etc/passwd"),
        ("x-litespeed-location", "/internal/"),
        ("x-reproxy-url", "https://else.where/"),
        ("x-accel-buffering", "no"),
        ("x-sent", "1"),
        ("report", "r"),
    ]);
    assert!(strip_response(&mut headers, false));
    let kept = [("x-accel-buffering", "no"), ("x-sent", "1"), ("report", "r")];
    assert_eq!(headers, map(&kept));
}

#[test]
fn trailers_carry_no_framing_routing_credential_or_gateway_field() {
    let mut trailers = map(&[
        ("grpc-status", "0"),
        ("x-sum", "1"),
        ("cf-aig-log-id", "1"),
        ("authorization", "t"),
        ("host", "h"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
        ("connection", "x"),
        ("set-cookie", "a=1"),
    ]);
    strip_trailers(&mut trailers);
    assert_eq!(trailers, map(&[("grpc-status", "0"), ("x-sum", "1")]));
}

#[test]
fn an_upload_url_reaches_the_client_and_is_not_shown() {
    let mut headers = HeaderMap::new();
    let url = "https://upload.test/x?upload_id=LEAK&key=LEAK";
    headers.insert("x-goog-upload-url", HeaderValue::from_static(url));
    headers.insert("x-goog-upload-status", HeaderValue::from_static("active"));
    assert!(strip_response(&mut headers, false));
    assert_eq!(headers["x-goog-upload-url"], url);
    assert_eq!(headers["x-goog-upload-status"], "active");
    assert!(!format!("{headers:?}").contains("LEAK"), "{headers:?}");
}
