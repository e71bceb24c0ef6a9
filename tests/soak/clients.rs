//! Clients of all kinds, each sending one request after the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::books::Books;
use super::settings::TOKEN;
use super::support::client::{ClientBody, Connection, channel, full, request};

/// The course of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    Json,
    Http2,
    Stream,
    /// The model comes after 200 KiB of other data.
    Routed,
    /// Its headers have the maximum length.
    Fat,
    Refused,
    /// The provider fails, and the request is retried.
    Failing,
    Broken,
    /// The provider answers before it has read the body.
    Early,
    /// The provider never answers; the client leaves.
    Silent,
    /// The client leaves in the middle of a stream.
    Leaves,
    /// The client reads nothing of an endless stream.
    Unread,
    /// The client stops in the middle of its body.
    Half,
}

const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";
const BODY: &str = r#"{"model":"grok-4","stream":true,"messages":[]}"#;

impl Course {
    pub(crate) const ALL: [Self; 13] = [
        Self::Json,
        Self::Http2,
        Self::Stream,
        Self::Routed,
        Self::Fat,
        Self::Refused,
        Self::Failing,
        Self::Broken,
        Self::Early,
        Self::Silent,
        Self::Leaves,
        Self::Unread,
        Self::Half,
    ];

    pub(crate) fn clients(self) -> usize {
        match self {
            Self::Json | Self::Http2 | Self::Stream | Self::Leaves | Self::Unread => 4,
            _ => 2,
        }
    }

    /// The pause between two requests of a client: the load must last, not be as high as possible.
    fn pause(self) -> Duration {
        match self {
            Self::Refused | Self::Fat | Self::Early => Duration::from_millis(100),
            _ => Duration::from_millis(40),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json | Self::Refused | Self::Half => "json",
            Self::Http2 => "http2",
            Self::Stream => "stream",
            Self::Routed => "routed",
            Self::Fat => "fat",
            Self::Failing => "failing",
            Self::Broken => "broken",
            Self::Early => "early",
            Self::Silent => "silent",
            Self::Leaves => "leaves",
            Self::Unread => "unread",
        }
    }

    fn request(self, body: ClientBody) -> Request<ClientBody> {
        let version = if self == Self::Http2 { Version::HTTP_2 } else { Version::HTTP_11 };
        let path = if self == Self::Routed { "/v1/acct/gw/compat/chat/completions" } else { CHAT };
        let token = if self == Self::Refused { "not-the-token-of-anybody" } else { TOKEN };
        let mut headers = vec![
            ("content-type", "application/json"),
            ("cf-aig-authorization", token),
            ("x-course", self.name()),
        ];
        let fat = "f".repeat(12_000);
        if self == Self::Fat {
            headers.push(("user-agent", &fat));
        }
        request(version, "POST", path, &headers, body)
    }

    fn body(self) -> ClientBody {
        match self {
            Self::Routed => {
                let filling = "r".repeat(200 * 1024);
                full(format!(r#"{{"messages":["{filling}"],"model":"grok/grok-4"}}"#))
            }
            Self::Early => full(vec![b' '; 1 << 20]),
            _ => full(BODY),
        }
    }
}

/// Sends requests until `end`.
pub(crate) async fn run(course: Course, gateway: SocketAddr, books: Arc<Books>, end: Instant) {
    let version = if course == Course::Http2 { Version::HTTP_2 } else { Version::HTTP_11 };
    let mut connection = None;
    while Instant::now() < end {
        let stays = match course {
            Course::Unread => unread(gateway, &books).await,
            Course::Half => half(gateway, &books).await,
            course => {
                let mut own = match connection.take() {
                    Some(own) => own,
                    None => Connection::open(gateway, version).await,
                };
                let stays = one(course, &mut own, &books).await;
                connection = stays.then_some(own);
                stays
            }
        };
        if !stays {
            connection = None;
        }
        tokio::time::sleep(course.pause()).await;
    }
}

/// Sends a request. Returns whether its connection can be reused.
async fn one(course: Course, connection: &mut Connection, books: &Books) -> bool {
    let sent = connection.try_send(course.request(course.body()));
    if course == Course::Silent {
        let _ = tokio::time::timeout(Duration::from_millis(100), sent).await;
        Books::count(&books.given_up);
        return false;
    }
    let response = match sent.await {
        Ok(response) => response,
        // Only a refused upload may lose its connection before there is an answer.
        Err(_) if course == Course::Early => {
            Books::count(&books.given_up);
            return false;
        }
        Err(error) => {
            Books::count(&books.unexpected);
            eprintln!("{course:?}: no answer: {error:?}");
            return false;
        }
    };
    Books::count(&books.answered);
    let status = response.status().as_u16();
    let mut body = response.into_body();
    if course == Course::Leaves {
        let _ = body.frame().await;
        return false;
    }
    let whole = tokio::time::timeout(Duration::from_secs(30), body.collect()).await;
    let whole = whole.expect("every answer ends");
    if status == 502 && course != Course::Early {
        Books::count(&books.reset);
        return false;
    }
    let as_promised = match course {
        Course::Refused => {
            Books::count(&books.refused);
            status == 401 && whole.is_ok()
        }
        Course::Failing => status == 500,
        // A provider that closes with unread data resets its connection, and the answer may be lost.
        Course::Early => matches!(status, 413 | 502),
        Course::Broken => {
            Books::count(&books.cut);
            status == 200 && whole.is_err()
        }
        _ => {
            Books::count(&books.read_whole);
            status == 200 && whole.is_ok()
        }
    };
    if !as_promised {
        Books::count(&books.unexpected);
        eprintln!("{course:?}: {status}");
    }
    whole_or_not(course)
}

/// Returns true if the answer ends its connection: an early or a broken one.
fn whole_or_not(course: Course) -> bool {
    !matches!(course, Course::Broken | Course::Early | Course::Failing)
}

/// Requests an endless stream and reads only its head; the gateway must end it.
async fn unread(gateway: SocketAddr, books: &Books) -> bool {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: gateway.test\r\ncontent-type: application/json\r\n\
         cf-aig-authorization: {TOKEN}\r\nx-course: unread\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    if stream.read_exact(&mut begin).await.is_err() || &begin != b"HTTP/1.1 200" {
        Books::count(&books.unexpected);
        return false;
    }
    Books::count(&books.answered);
    // After the total timeout the stream has ended: buffered data arrives, and then the end.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let mut rest = vec![0; 1 << 16];
    let drained = async { while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {} };
    let ended = tokio::time::timeout(Duration::from_secs(5), drained).await;
    if ended.is_err() {
        eprintln!("Unread: not over past its total");
    }
    Books::count(if ended.is_ok() { &books.cut } else { &books.unexpected });
    false
}

/// Sends half of a body and leaves.
async fn half(gateway: SocketAddr, books: &Books) -> bool {
    let mut connection = Connection::open(gateway, Version::HTTP_11).await;
    let (mut sender, body) = channel();
    let sent = connection.try_send(Course::Half.request(body));
    let half = async {
        let _ = sender.send_data(Bytes::from_static(b"{\"model\":\"grok-4\",")).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    tokio::select! {
        answer = sent => drop(answer),
        () = half => {}
    }
    Books::count(&books.given_up);
    false
}
