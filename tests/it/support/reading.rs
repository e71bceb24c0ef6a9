//! Reads HTTP/1 messages from a wire, whole or piece by piece.

use super::message::{Content, Head, Message};
use super::wire::{Ended, Wire};

impl Wire {
    /// The head of the next message.
    pub async fn read_head(&mut self) -> Head {
        self.try_read_head().await.expect("the peer hung up before a head")
    }

    /// The head of the next message, or `None` if the peer ends the connection.
    pub async fn try_read_head(&mut self) -> Option<Head> {
        loop {
            if let Some(raw) = self.take_until(b"\r\n\r\n") {
                return Some(Head::parse(raw));
            }
            self.fill().await.ok()?;
        }
    }

    /// The body of a request, or of a response to a request other than `HEAD`.
    pub async fn read_content(&mut self, head: &Head) -> Content {
        let is_response = head.line.starts_with("HTTP/");
        if is_response && matches!(head.status(), 204 | 304 | 100..=199) {
            return Content { is_whole: true, ..Content::default() };
        }
        if head.is_chunked() {
            return self.read_chunks().await;
        }
        let mut content = Content::default();
        match head.content_length() {
            Some(length) => {
                content.is_whole = self.fill_up_to(length).await.is_ok();
                content.bytes = self.take_up_to(length);
            }
            None if is_response => {
                content.is_whole = self.ended().await == Ended::Closed;
                content.bytes = self.take_up_to(usize::MAX);
            }
            None => content.is_whole = true,
        }
        content
    }

    /// The next message, complete or not.
    pub async fn read_message(&mut self) -> Message {
        let head = self.read_head().await;
        let content = self.read_content(&head).await;
        Message { head, content }
    }

    /// The data of the next chunk: empty for the last one, `None` if the peer disconnects.
    pub async fn read_chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.read_line().await?;
        let size = size.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = usize::from_str_radix(str::from_utf8(size).unwrap().trim(), 16).unwrap();
        if size == 0 {
            return Some(Vec::new());
        }
        self.fill_up_to(size + 2).await.ok()?;
        let mut data = self.take(size + 2);
        assert_eq!(data.split_off(size), b"\r\n", "a chunk has its announced size");
        Some(data)
    }

    /// Reads chunks until this many bytes have arrived.
    pub async fn read_chunked_bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let chunk = self.read_chunk().await.expect("the peer broke off");
            assert!(!chunk.is_empty(), "the body ended after {} bytes", bytes.len());
            bytes.extend_from_slice(&chunk);
        }
        bytes
    }

    /// The rest of a chunked body.
    pub async fn read_chunks(&mut self) -> Content {
        let mut content = Content { chunks: Some(Vec::new()), ..Content::default() };
        while let Some(chunk) = self.read_chunk().await {
            if chunk.is_empty() {
                content.is_whole = self.read_trailers(&mut content.trailers).await.is_some();
                break;
            }
            content.bytes.extend_from_slice(&chunk);
            content.chunks.get_or_insert_default().push(chunk.len());
        }
        content
    }

    async fn read_trailers(&mut self, trailers: &mut Vec<(String, Vec<u8>)>) -> Option<()> {
        let mut lines = b"\r\n".to_vec();
        loop {
            let line = self.read_line().await?;
            lines.extend_from_slice(&line);
            lines.extend_from_slice(b"\r\n");
            if line.is_empty() {
                *trailers = Head::parse(lines).headers;
                return Some(());
            }
        }
    }
}
