//! HTTP/1 messages as bytes on the wire.

/// The head of a request or response: its bytes, and its lines in order.
#[derive(Clone, Debug)]
pub struct Head {
    pub raw: Vec<u8>,
    /// The request line or status line.
    pub line: String,
    /// Names in lower case, values byte for byte.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// `raw` ends with the empty line.
    pub fn parse(raw: Vec<u8>) -> Self {
        let mut lines = raw.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
        let line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let headers = lines.filter(|line| !line.is_empty()).map(header).collect();
        Self { line, headers, raw }
    }

    /// The status of a response.
    pub fn status(&self) -> u16 {
        let status = self.line.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status line: {:?}", self.line))
    }

    /// The request target.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_else(|| panic!("no request line: {:?}", self.line))
    }

    /// All values of a header, in order.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| &value[..]).collect()
    }

    /// The only value of a header; `None` if it is missing.
    #[track_caller]
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.all(name)[..] {
            [] => None,
            [value] => Some(str::from_utf8(value).unwrap()),
            _ => panic!("{name} is there more than once: {}", self.text()),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    pub fn is_chunked(&self) -> bool {
        self.all("transfer-encoding").iter().any(|value| value.eq_ignore_ascii_case(b"chunked"))
    }

    pub fn content_length(&self) -> Option<usize> {
        self.get("content-length").map(|length| length.parse().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }
}

fn header(line: &[u8]) -> (String, Vec<u8>) {
    let colon = line.iter().position(|byte| *byte == b':');
    let colon = colon.unwrap_or_else(|| panic!("no header: {:?}", String::from_utf8_lossy(line)));
    let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
    (name, line[colon + 1..].trim_ascii().to_vec())
}

/// The body after a head.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub bytes: Vec<u8>,
    /// The sizes of the chunks, if there were any.
    pub chunks: Option<Vec<usize>>,
    pub trailers: Vec<(String, Vec<u8>)>,
    /// It reached the end that its head or last chunk announces.
    pub is_whole: bool,
}

/// A head and its body.
#[derive(Clone, Debug)]
pub struct Message {
    pub head: Head,
    pub content: Content,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body, which must be complete.
    #[track_caller]
    pub fn body(&self) -> &[u8] {
        assert!(self.content.is_whole, "the body broke off: {}", self.text());
        &self.content.bytes
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let json = serde_json::from_slice(self.body());
        json.unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Checks that this is the gateway's own error, and returns its body.
    #[track_caller]
    pub fn gateway_error(&self, status: u16, code: u16) -> serde_json::Value {
        assert_eq!(self.status(), status, "{}", self.text());
        assert_eq!(self.head.get("content-type"), Some("application/json"));
        let json = self.json();
        assert_eq!(json["gateway"]["code"], code, "{json}");
        assert_eq!(json["gateway"]["log_id"], self.head.get("cf-aig-log-id").unwrap(), "{json}");
        assert!(json["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{json}");
        json
    }

    pub fn text(&self) -> String {
        let body = &self.content.bytes[..self.content.bytes.len().min(500)];
        format!("{}{}", self.head.text(), String::from_utf8_lossy(body))
    }
}

/// A request with a body of known length.
pub fn request(line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line} HTTP/1.1\r\nhost: gateway.test\r\n").into_bytes();
    for header in headers {
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !body.is_empty() {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// A response with a body of known length.
pub fn response(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let line = format!("HTTP/1.1 {status}");
    let length = format!("content-length: {}", body.len());
    let head = [&[&line[..]][..], headers, &[&length, "", ""]].concat().join("\r\n");
    [head.as_bytes(), body].concat()
}

/// A `200` with a body of known length.
pub fn ok(body: &[u8]) -> Vec<u8> {
    response("200 OK", &[], body)
}

/// The head of a stream in chunks.
pub const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// One chunk of a chunked body; an empty one ends it.
pub fn chunk(data: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}
