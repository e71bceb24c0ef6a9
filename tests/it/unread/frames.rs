//! HTTP/2 by hand: a client whose windows are closed from the start, and that otherwise behaves
//! properly.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::frames::{ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PING, SETTINGS, frame};
use crate::support::guard;

/// A connection that is read and acknowledges pings and settings.
pub struct Frames {
    pings: mpsc::UnboundedSender<()>,
    pongs: tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>,
}

impl Frames {
    /// Requests `path` and waits for the head of the response.
    pub async fn ask(addr: SocketAddr, path: &str) -> Self {
        Self::ask_with(addr, path, &[]).await
    }

    pub async fn ask_with(addr: SocketAddr, path: &str, fields: &[(&str, &str)]) -> Self {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let mut opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        // SETTINGS_INITIAL_WINDOW_SIZE: 0.
        opening.extend(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
        let mut block = Vec::new();
        let pseudo = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "gateway.test"),
            (":path", path),
        ];
        for (name, value) in pseudo.into_iter().chain(fields.iter().copied()) {
            // A never-indexed literal with a literal name.
            block.push(0x10);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.as_bytes());
            }
        }
        opening.extend(frame(HEADERS, END_HEADERS, 1, &block));
        opening.extend(frame(DATA, END_STREAM, 1, b"{}"));
        stream.write_all(&opening).await.unwrap();
        let (heads, mut head) = mpsc::unbounded_channel();
        let (pings, asked) = mpsc::unbounded_channel();
        let (answered, pongs) = mpsc::unbounded_channel();
        tokio::spawn(converse(stream, heads, asked, answered));
        guard("a response head", head.recv()).await.unwrap();
        Self { pings, pongs: tokio::sync::Mutex::new(pongs) }
    }

    /// Checks that the server still answers on this connection.
    pub async fn ping(&self) {
        self.pings.send(()).unwrap();
        guard("a pong", self.pongs.lock().await.recv()).await.expect("the connection is closed");
    }
}

async fn converse(
    stream: TcpStream,
    heads: mpsc::UnboundedSender<()>,
    mut pings: mpsc::UnboundedReceiver<()>,
    pongs: mpsc::UnboundedSender<()>,
) {
    let (mut reading, mut writing) = stream.into_split();
    let (sender, mut frames) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut head = [0; 9];
        while reading.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            reading.read_exact(&mut payload).await.unwrap();
            let _ = sender.send((head[3], head[4], payload));
        }
    });
    loop {
        let answer = tokio::select! {
            asked = pings.recv() => match asked {
                Some(()) => frame(PING, 0, 0, b"unread??"),
                None => return,
            },
            came = frames.recv() => match came {
                None => return,
                Some((SETTINGS, 0, _)) => frame(SETTINGS, ACK, 0, &[]),
                Some((PING, 0, payload)) => frame(PING, ACK, 0, &payload),
                Some((kind, _, payload)) => {
                    assert!(kind != DATA || payload.is_empty(), "data into a shut window");
                    match kind {
                        HEADERS => drop(heads.send(())),
                        PING => drop(pongs.send(())),
                        _ => {}
                    }
                    continue;
                }
            },
        };
        writing.write_all(&answer).await.unwrap();
    }
}
