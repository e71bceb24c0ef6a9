use axum::Router;
use tower_ai_gateway::{ClientError, GatewayLayer, HttpClient};
use tower_http::limit::RequestBodyLimitLayer;

fn limited(gateway: GatewayLayer) -> Result<Router, ClientError> {
    Ok(Router::new()
        .layer(gateway.upstream(HttpClient::new()?))
        .layer(RequestBodyLimitLayer::new(16 * 1024 * 1024)))
}

// ===== what the page says of this; more of it is in `body_limits` =====

use super::{answer, layer, post, provider};
use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use std::convert::Infallible;

#[tokio::test]
async fn sixteen_mebibytes_pass_and_more_is_413() {
    let provider = provider().await;
    let app = limited(layer(&provider)).unwrap();
    let mib = Bytes::from(vec![b' '; 1024 * 1024]);
    for (mebibytes, status) in [(16, 200), (17, 413)] {
        let frames: Vec<_> =
            (0..mebibytes).map(|_| Ok::<_, Infallible>(Frame::data(mib.clone()))).collect();
        let mut request = post("/v1/acct/gw/grok/files");
        *request.body_mut() = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
        let (got, body) = answer(&app, request).await;
        assert_eq!(got, status, "{body}");
    }
}
