//! Client certificates, each only for its own provider.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tower::ServiceExt;
use tower_ai_gateway::client::HttpClientBuilder;
use tower_ai_gateway::{ClientError, HttpClient};

use crate::support::authority::Authority;
use crate::support::guard;

pub(crate) type Client = HttpClient<Full<Bytes>>;

/// A server that answers with the name in the client's certificate. If it `insists`, clients
/// need one.
pub(crate) async fn server(authority: &Authority, insists: bool) -> String {
    let (certificate, key) = authority.sign("server");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let verifier = if insists { verifier } else { verifier.allow_unauthenticated() };
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let tls = tls.clone();
            tokio::spawn(async move {
                let Ok(stream) = tls.accept(stream).await else { return };
                let shown = stream.get_ref().1.peer_certificates();
                let shown = shown.map(|shown| shown[0].to_vec()).unwrap_or_default();
                let service = service_fn(move |_| {
                    let response = Response::new(Full::<Bytes>::from(shown.clone()));
                    async move { Ok::<_, std::io::Error>(response) }
                });
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    url
}

pub(crate) fn client(
    authority: &Authority,
    change: impl FnOnce(HttpClientBuilder) -> HttpClientBuilder,
) -> Client {
    change(HttpClient::builder().extra_roots_pem(authority.pem())).build().unwrap()
}

/// The name in the certificate that the server received; empty if there was none.
pub(crate) async fn shown(client: &Client, url: &str) -> Result<String, ClientError> {
    let request = Request::get(url).body(Full::default()).unwrap();
    let response = guard("an answer", client.clone().oneshot(request)).await?;
    let body = guard("the body", response.into_body().collect()).await.unwrap().to_bytes();
    let known = ["first", "second", "everybody"];
    let found =
        known.iter().find(|name| body.windows(name.len()).any(|part| part == name.as_bytes()));
    assert_eq!(found.is_some(), !body.is_empty());
    Ok(found.copied().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_certificate_is_shown_only_to_its_own_server() {
    let authority = Authority::new();
    let (first, second) = (server(&authority, true).await, server(&authority, false).await);
    let identity = authority.identity("first");
    let client = client(&authority, |client| client.identity_pem_for(first.clone(), identity));
    for _ in 0..2 {
        assert_eq!(shown(&client, &first).await.unwrap(), "first");
        assert_eq!(shown(&client, &second).await.unwrap(), "");
    }
    // Nor to a server that requests one.
    let insisting = server(&authority, true).await;
    assert!(shown(&client, &insisting).await.is_err());
}

#[tokio::test]
async fn each_server_gets_its_own_certificate_or_the_common_one() {
    let authority = Authority::new();
    let servers = [server(&authority, true).await, server(&authority, true).await];
    let host = servers[1].strip_prefix("https://").unwrap().strip_suffix("/v1").unwrap();
    let client = client(&authority, |client| {
        client
            .identity_pem(authority.identity("everybody"))
            .identity_pem_for(servers[0].clone(), authority.identity("first"))
            .identity_pem_for(host, authority.identity("second"))
    });
    assert_eq!(shown(&client, &servers[0]).await.unwrap(), "first");
    assert_eq!(shown(&client, &servers[1]).await.unwrap(), "second");
    let rest = server(&authority, true).await;
    assert_eq!(shown(&client, &rest).await.unwrap(), "everybody");
}

#[tokio::test]
async fn without_a_certificate_there_is_no_connection() {
    let authority = Authority::new();
    let server = server(&authority, true).await;
    shown(&client(&authority, |client| client), &server).await.unwrap_err();
}

#[test]
fn an_invalid_server_or_certificate_is_an_error_without_the_key() {
    let identity = Authority::new().identity("first");
    let build = |server: &str, pem: &str| {
        let builder = HttpClient::builder().identity_pem_for(server, pem);
        let text = format!("{builder:?}");
        assert!(!text.contains("PRIVATE") && !text.contains("BEGIN"), "{text}");
        builder.build::<Full<Bytes>>()
    };
    let client = build("api.example.com", &identity).unwrap();
    assert!(!format!("{client:?}").contains("PRIVATE"));
    for (server, pem) in
        [("http://api.example.com", &*identity), ("", &identity), ("api.example.com", "no pem")]
    {
        let error = build(server, pem).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("PRIVATE"), "{error:?}");
    }
}
