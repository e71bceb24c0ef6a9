//! A layer between the gateway and its client refuses requests, in both positions and both ways.

use std::convert::Infallible;
use std::io;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_ai_gateway::{
    GatewayContext, GatewayLayer, GatewayLayerBuilder, HttpClient, Refusal, RequestBody,
};

use crate::refusals::scene::{CHAT, FORBIDDEN, MODEL, Scene, page};

type Answer = http::Response<UnsyncBoxBody<Bytes, BoxError>>;
type Client = BoxCloneSyncService<Request<RequestBody<Body>>, Answer, BoxError>;

/// How a layer signals a refusal.
#[derive(Clone, Copy, Debug)]
enum Way {
    Response,
    /// A refusal in the extensions of a response.
    Marked,
    Error,
    Wrapped,
}

const WAYS: [Way; 4] = [Way::Response, Way::Marked, Way::Error, Way::Wrapped];

/// Refuses requests with `x-blocked`, after reading the body or not.
fn guarded(way: Way) -> Client {
    let client = HttpClient::new().unwrap();
    BoxCloneSyncService::new(service_fn(move |mut request: Request<RequestBody<Body>>| {
        let client = client.clone();
        async move {
            assert!(request.extensions().get::<GatewayContext>().is_some());
            let Some(blocked) = request.headers_mut().remove("x-blocked") else {
                let response = client.oneshot(request).await?;
                return Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()));
            };
            if blocked == "read" {
                request.into_body().collect().await.map_err(io::Error::other)?;
            }
            let refusal = Refusal::forbidden("Not you.");
            match way {
                Way::Response => Ok(refusal.into_response()),
                Way::Marked => {
                    let mut response = Answer::default();
                    response.headers_mut().insert("x-provider", "1".parse().unwrap());
                    response.extensions_mut().insert(refusal);
                    Ok(response)
                }
                Way::Error => Err(refusal.into()),
                Way::Wrapped => Err(io::Error::other(io::Error::other(refusal)).into()),
            }
        }
    }))
}

async fn refused_in<S>(app: impl Fn(GatewayLayer, Client) -> S)
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    for way in WAYS {
        let mut scene =
            Scene::new(|layer: GatewayLayerBuilder| layer, |gateway| app(gateway, guarded(way)))
                .await;
        scene.refuses(&["x-blocked: unread"], &FORBIDDEN).await;
        scene.refuses(&["x-blocked: read"], &FORBIDDEN).await;
        scene.provider.assert_untouched("a layer below has refused");
        scene.hooks.are_all_rejected(6, 0).await;
        let answer = scene.ask(CHAT, &["x-blocked: read"], MODEL).await;
        assert_eq!(answer.head.get("x-provider"), None, "{}", answer.text());
        assert_eq!(scene.ask(CHAT, &[], MODEL).await.status(), 200, "{way:?}");
    }
}

#[tokio::test]
async fn beside_an_app_a_layer_below_can_refuse_by_response_or_error() {
    refused_in(|gateway, client| {
        let service = gateway.upstream(client).layer(service_fn(page));
        service.map_response(|response| response.map(Body::new))
    })
    .await;
}

#[tokio::test]
async fn around_a_client_a_layer_below_can_refuse_by_response_or_error() {
    refused_in(|gateway, client| {
        let service = gateway.client_layer().layer(client);
        let service = service.map_response(|response| response.map(Body::new));
        service.map_err(|error| -> Infallible { panic!("errors are the client's own: {error}") })
    })
    .await;
}
