//! A provider whose bytes the test chooses.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::guard;
use super::message::Message;
use super::wire::Wire;

/// Passes each connection to the test, which plays the provider.
#[derive(Debug)]
pub struct RawUpstream {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepted: mpsc::UnboundedReceiver<Wire>,
}

impl RawUpstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (sender, accepted) = mpsc::unbounded_channel();
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                if sender.send(Wire::new(stream)).is_err() {
                    return;
                }
            }
        });
        Self { addr, connections, accepted }
    }

    /// Waits for the gateway's next connection.
    pub async fn accept(&mut self) -> Wire {
        guard("a connection to the provider", self.accepted.recv()).await.unwrap()
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL with this path at this provider.
    pub fn base(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }
}

/// Answers all requests by one rule, and records them.
#[derive(Clone, Debug)]
pub struct Recorder {
    addr: SocketAddr,
    requests: Arc<Mutex<Vec<Message>>>,
    connections: Arc<AtomicUsize>,
}

impl Recorder {
    /// Answers `200` with an empty body.
    pub async fn start() -> Self {
        Self::answering(|_| super::message::ok(b"")).await
    }

    pub async fn answering(
        answer: impl Fn(&Message) -> Vec<u8> + Send + Sync + Clone + 'static,
    ) -> Self {
        let mut upstream = RawUpstream::start().await;
        let requests = Arc::<Mutex<Vec<Message>>>::default();
        let recorder = Self {
            addr: upstream.addr,
            requests: requests.clone(),
            connections: upstream.connections.clone(),
        };
        tokio::spawn(async move {
            while let Some(wire) = upstream.accepted.recv().await {
                tokio::spawn(serve(wire, requests.clone(), answer.clone()));
            }
        });
        recorder
    }

    /// All complete requests, oldest first.
    pub fn requests(&self) -> Vec<Message> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request.
    #[track_caller]
    pub fn only(&self) -> Message {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "one request reaches the provider");
        requests.into_iter().next().unwrap()
    }

    /// Checks that nothing was received, not even part of a request.
    #[track_caller]
    pub fn assert_untouched(&self, why: &str) {
        assert_eq!(self.connections.load(Ordering::SeqCst), 0, "nothing is sent upstream: {why}");
    }

    /// Clears the records.
    pub fn clear(&self) {
        self.requests.lock().unwrap().clear();
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn base(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }
}

async fn serve(
    mut wire: Wire,
    requests: Arc<Mutex<Vec<Message>>>,
    answer: impl Fn(&Message) -> Vec<u8>,
) {
    // A pooled connection may be idle for longer than a guard allows.
    while wire.has_more().await {
        let Some(head) = wire.try_read_head().await else { return };
        let content = wire.read_content(&head).await;
        let message = Message { head, content };
        if !message.content.is_whole {
            return;
        }
        let answer = answer(&message);
        requests.lock().unwrap().push(message);
        if wire.try_send(answer).await.is_err() {
            return;
        }
    }
}
