//! If a client disconnects at any point, the provider's request ends too, and the exchange is
//! reported as cancelled.

use http::Version;
use tower_ai_gateway::Outcome;

use crate::support::client::{Connection, channel, full, next_data, request as hyper_request};
use crate::support::ends::Ends;
use crate::support::gateway::{Gateway, Setup};
use crate::support::guard;
use crate::support::message::{STREAM_HEAD, chunk, request};
use crate::support::raw_upstream::RawUpstream;
use crate::support::wire::Wire;
use crate::support::written::Written;

/// A client can thus not fill the log with warnings.
#[tokio::test]
async fn a_client_that_breaks_off_its_upload_causes_no_warning() {
    let (written, _logging) = Written::capture();
    let mut scene = Scene::new().await;
    let mut client = scene.gateway.connect().await;
    let head = "POST /ai/grok/v1/files HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\nbegun";
    client.send(head).await;
    let mut provider = scene.upstream.accept().await;
    provider.read_head().await;
    drop(client);
    guard("the provider's connection to end", provider.ended()).await;
    assert_eq!(scene.ends.next().await.0, Outcome::Failed);
    assert_eq!(written.warnings(), [""; 0]);
    assert!(written.all().contains("request_body"), "{}", written.all());
}

struct Scene {
    upstream: RawUpstream,
    gateway: Gateway,
    ends: Ends<(Outcome, u64)>,
}

impl Scene {
    async fn new() -> Self {
        let upstream = RawUpstream::start().await;
        let (hook, ends) = Ends::by(|end| (end.outcome, end.response_bytes));
        let gateway =
            Setup::new(upstream.base("/v1")).layer(|layer| layer.metrics_hook(hook)).start().await;
        Self { upstream, gateway, ends }
    }

    /// A client, and the provider that has got its request.
    async fn asked(&mut self, request: Vec<u8>) -> (Wire, Wire) {
        let mut client = self.gateway.connect().await;
        client.send(request).await;
        let mut provider = self.upstream.accept().await;
        provider.read_message().await;
        (client, provider)
    }

    /// Checks that the provider's connection has ended, and that the end event has the reason.
    async fn assert_cancelled(mut self, mut provider: Wire, response_bytes: u64) {
        guard("the provider's connection to end", provider.ended()).await;
        assert_eq!(self.ends.next().await, (Outcome::Cancelled, response_bytes));
        assert!(self.ends.is_empty(), "one end event");
    }
}

#[derive(Clone, Copy, Debug)]
enum Leave {
    Finish,
    Reset,
}

impl Leave {
    async fn by(self, mut client: Wire) {
        match self {
            Self::Finish => drop(client),
            Self::Reset => {
                client.finish().await;
                client.reset();
            }
        }
    }
}

fn requests() -> [Vec<u8>; 2] {
    let unified = br#"{"model":"grok/grok-4"}"#;
    [request("POST /ai/grok/v1/x", &[], b"{}"), request("POST /ai/compat/responses", &[], unified)]
}

#[tokio::test]
async fn a_client_can_leave_before_the_head() {
    for leave in [Leave::Finish, Leave::Reset] {
        for request in requests() {
            let mut scene = Scene::new().await;
            let (client, provider) = scene.asked(request).await;
            leave.by(client).await;
            scene.assert_cancelled(provider, 0).await;
        }
    }
}

#[tokio::test]
async fn a_client_can_leave_an_idle_stream() {
    for leave in [Leave::Finish, Leave::Reset] {
        for request in requests() {
            let mut scene = Scene::new().await;
            let (mut client, mut provider) = scene.asked(request).await;
            provider.send([STREAM_HEAD, &chunk(b"data: 1\n\n")].concat()).await;
            client.read_head().await;
            assert_eq!(client.read_chunk().await.unwrap(), b"data: 1\n\n");
            leave.by(client).await;
            scene.assert_cancelled(provider, 9).await;
        }
    }
}

#[tokio::test]
async fn a_client_can_leave_during_an_upload() {
    let head = "HTTP/1.1\r\nhost: gateway\r\ncontent-length: 1000\r\n\r\n";
    for start in [
        format!("POST /ai/grok/v1/x {head}{{\"a\":1"),
        format!("POST /ai/compat/responses {head}{{\"model\":\"grok/grok-4\","),
    ] {
        let mut scene = Scene::new().await;
        let mut client = scene.gateway.connect().await;
        client.send(start).await;
        let mut provider = scene.upstream.accept().await;
        provider.read_head().await;
        drop(client);
        guard("the provider's connection to end", provider.ended()).await;
        let (outcome, _) = scene.ends.next().await;
        // hyper may report the broken upload or drop the exchange first.
        assert!(matches!(outcome, Outcome::Cancelled | Outcome::Failed), "{outcome}");
    }
}

#[tokio::test]
async fn a_client_can_leave_before_its_model() {
    let mut scene = Scene::new().await;
    let mut client = scene.gateway.connect().await;
    let head =
        "POST /ai/compat/responses HTTP/1.1\r\nhost: gateway\r\ncontent-length: 1000\r\n\r\n";
    client.send(format!("{head}{{\"a\":1,")).await;
    drop(client);
    let (outcome, _) = scene.ends.next().await;
    assert!(matches!(outcome, Outcome::Cancelled | Outcome::Rejected), "{outcome}");
    assert_eq!(scene.upstream.connections(), 0);
}

#[tokio::test]
async fn only_the_cancelled_http2_stream_ends() {
    let mut scene = Scene::new().await;
    let mut connection = Connection::open(scene.gateway.addr, Version::HTTP_2).await;
    let path = "/ai/grok/v1/x";
    let mut providers = Vec::new();
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let sent = connection.send(hyper_request(Version::HTTP_2, "POST", path, &[], full("{}")));
        let answered = async {
            let mut provider = scene.upstream.accept().await;
            provider.read_message().await;
            provider.send([STREAM_HEAD, &chunk(b"data: 1\n\n")].concat()).await;
            provider
        };
        let (response, provider) = tokio::join!(sent, answered);
        let mut body = response.into_body();
        assert_eq!(next_data(&mut body).await.unwrap(), "data: 1\n\n");
        providers.push(provider);
        bodies.push(body);
    }
    drop(bodies.remove(0));
    guard("the first provider's connection to end", providers[0].ended()).await;
    let (outcome, _) = scene.ends.next().await;
    assert_eq!(outcome, Outcome::Cancelled);

    providers[1].send([&chunk(b"data: 2\n\n")[..], b"0\r\n\r\n"].concat()).await;
    assert_eq!(next_data(&mut bodies[0]).await.unwrap(), "data: 2\n\n");
    assert!(next_data(&mut bodies[0]).await.is_none());
    let (outcome, _) = scene.ends.next().await;
    assert_eq!(outcome, Outcome::Complete, "its neighbour is not harmed");
}

#[tokio::test]
async fn a_slow_reader_can_leave() {
    let mut scene = Scene::new().await;
    let mut client = scene.gateway.connect().await;
    client.send(request("POST /ai/grok/v1/x", &[], b"{}")).await;
    let mut provider = scene.upstream.accept().await;
    provider.read_message().await;
    provider.send(STREAM_HEAD).await;
    client.read_head().await;
    // The kernel's buffers fill up, then the provider must wait: the gateway does not buffer.
    let event = chunk(&[b'x'; 64 * 1024]);
    let mut sent = 0;
    while let Ok(result) =
        tokio::time::timeout(std::time::Duration::from_millis(300), provider.try_send(&event)).await
    {
        result.unwrap();
        sent += event.len();
        assert!(sent < 64 << 20, "the gateway takes in a stream that nobody reads");
    }
    drop(client);
    guard("the provider's connection to end", provider.ended()).await;
    let (outcome, _) = scene.ends.next().await;
    assert_eq!(outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn an_early_response_completes_without_its_upload() {
    let mut scene = Scene::new().await;
    let mut connection = Connection::open(scene.gateway.addr, Version::HTTP_2).await;
    let (mut sender, body) = channel();
    let sent = connection.send(hyper_request(Version::HTTP_2, "POST", "/ai/grok/v1/x", &[], body));
    let answered = async {
        sender.send_data("{".into()).await.unwrap();
        let mut provider = scene.upstream.accept().await;
        provider.read_head().await;
        provider.send("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno").await;
        provider
    };
    let (response, _provider) = tokio::join!(sent, answered);
    assert_eq!(response.status(), 413, "an early answer is relayed while the upload goes on");
    let mut body = response.into_body();
    assert_eq!(next_data(&mut body).await.unwrap(), "no");
    let (outcome, _) = scene.ends.next().await;
    assert_eq!(outcome, Outcome::Complete);
}
