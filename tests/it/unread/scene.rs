//! A gateway with one permit, and a provider that sends endlessly.

use std::net::SocketAddr;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::{Layer, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::{
    ConcurrencyLimit, GatewaySettings, Settings, SettingsTable, Timeouts,
};
use tower_ai_gateway::{GatewayLayer, HttpClient, Outcome, Provider};

use crate::support::ends::Ends;
use crate::support::message::{chunk, ok, request};
use crate::support::raw_upstream::RawUpstream;
use crate::support::{guard, wire::Wire};

/// The path of the endless stream.
pub const PATH: &str = "/v1/acct/gw/grok/v1/chat/completions";
const SHORT: &str = "POST /v1/acct/gw/grok/v1/short";

pub struct Scene {
    pub addr: SocketAddr,
    /// The ends of all exchanges that had a permit, except the short ones.
    pub ends: Ends<(Outcome, Option<Failure>)>,
    hung_up: mpsc::UnboundedReceiver<()>,
}

impl Scene {
    pub async fn start(timeouts: Timeouts) -> Self {
        let (upstream, hung_up) = endless().await;
        let limit = ConcurrencyLimit::new(1).wait(Duration::ZERO);
        let settings = GatewaySettings::builder().authenticated_elsewhere().timeouts(timeouts);
        let settings = settings.concurrency(limit).build().unwrap();
        let (hook, ends) = Ends::by(|end| (end.outcome, end.failure));
        let hook = OfPlaced(hook);
        let layer = GatewayLayer::builder()
            .provider(Provider::xai().base_url(format!("http://{upstream}/v1")))
            .settings(Settings::new(SettingsTable::new().serve_unknown(settings)))
            .metrics_hook(hook)
            .build()
            .unwrap();
        let client = ControlLayer::new().layer(HttpClient::new().unwrap());
        let app = service_fn(|_| async {
            Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::from("")))
        });
        let service = TowerToHyperService::new(layer.upstream(client).layer(app));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { addr, ends, hung_up }
    }

    /// Waits until the gateway has closed its connection to the endless provider.
    pub async fn upstream_hung_up(&mut self) {
        guard("the gateway hangs up", self.hung_up.recv()).await.unwrap();
    }

    /// Waits until another exchange is accepted.
    pub async fn has_a_place(&self) {
        let admitted = async {
            let mut client = Wire::connect(self.addr).await;
            loop {
                client.send(request(SHORT, &[], b"{}")).await;
                match client.read_message().await.head.status() {
                    200 => return,
                    503 => tokio::time::sleep(Duration::from_millis(5)).await,
                    status => panic!("{status}"),
                }
            }
        };
        guard("a place", admitted).await;
    }
}

struct OfPlaced<H>(H);

impl<H: tower_ai_gateway::MetricsHook> tower_ai_gateway::MetricsHook for OfPlaced<H> {
    fn on_end(&self, end: &tower_ai_gateway::EndEvent<'_>) {
        if end.failure != Some(Failure::Overloaded) && end.outcome != Outcome::Complete {
            self.0.on_end(end);
        }
    }
}

/// Sends chunks until the gateway disconnects, and signals that. Answers short requests briefly.
pub async fn endless() -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let mut upstream = RawUpstream::start().await;
    let addr = upstream.addr();
    let (sender, hung_up) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let wire = upstream.accept().await;
            tokio::spawn(serve(wire, sender.clone()));
        }
    });
    (addr, hung_up)
}

async fn serve(mut wire: Wire, hung_up: mpsc::UnboundedSender<()>) {
    while wire.has_more().await {
        let asked = wire.read_message().await;
        if asked.head.line.contains("short") {
            wire.send(ok(b"{}")).await;
            continue;
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        wire.send(head).await;
        let piece = chunk(&[b'x'; 64 * 1024]);
        while wire.try_send(&piece).await.is_ok() {}
        let _ = hung_up.send(());
        return;
    }
}
