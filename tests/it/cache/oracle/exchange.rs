//! How a client sends a request, and what it gets.

use bytes::Bytes;
use fastrand::Rng;
use http::Request;
use http_body_util::{BodyExt, Full};

use super::super::{Answer, Sent, status};
use super::question::{ON_REQUEST, Part, Question};
use super::script::CALL;
use super::yields;

/// The settings of the gateways, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub fresh: u64,
    pub stale: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    pub number: usize,
    pub batch: usize,
    pub question: Question,
    /// The TTL that the client takes, and the stale time after that.
    pub times: Times,
    pub part: Part,
    ttl: Option<u64>,
    is_skipped: bool,
    /// The client's head timeout is two seconds.
    pub hurries: bool,
    starts: usize,
    /// The client leaves after so many turns.
    leaves: Option<usize>,
    reads: usize,
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    Broken,
    /// The client has left.
    Left,
}

/// A response.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub cache: &'static str,
    /// The call that the response names; `None` for the gateway's own responses.
    pub call: Option<usize>,
    pub age: Option<u64>,
    pub body: Vec<u8>,
    pub end: End,
}

impl Exchange {
    pub fn new(
        (number, batch): (usize, usize),
        question: Question,
        set: Times,
        may_hurry: bool,
        random: &mut Rng,
    ) -> Self {
        let ttl = match random.u8(..10) {
            0 => Some(60),
            1 => Some(900),
            2 if random.bool() => Some(0),
            _ => None,
        };
        let is_skipped = random.u8(..20) == 0;
        let of_gateway = if question.gateway == ON_REQUEST { 300 } else { set.fresh };
        Self {
            number,
            batch,
            question,
            times: Times { fresh: ttl.unwrap_or(of_gateway), ..set },
            part: question.part(is_skipped || ttl == Some(0)),
            ttl,
            is_skipped,
            hurries: may_hurry && random.u8(..4) == 0,
            starts: random.usize(..20),
            leaves: (random.u8(..10) == 0).then(|| random.usize(..40)),
            reads: random.usize(..3),
        }
    }

    /// The maximum age of a response that this other exchange has asked for …
    pub fn fresh_with(&self, asker: &Self) -> u64 {
        self.times.fresh.min(asker.times.fresh)
    }

    /// … and the maximum age if the provider fails.
    pub fn spare_with(&self, asker: &Self) -> u64 {
        self.fresh_with(asker) + self.times.stale.min(asker.times.stale)
    }

    pub fn request(&self) -> Request<Sent> {
        let mut request = self.question.request();
        let mut insert = |name: &'static str, value: String| {
            request.headers_mut().insert(name, value.parse().unwrap());
        };
        // Identifies the exchange for the provider and the hook. It is in no key.
        insert("x-request-id", self.number.to_string());
        insert("cf-aig-metadata", format!("{{\"n\":{}}}", self.number));
        if let Some(ttl) = self.ttl {
            insert("cf-aig-cache-ttl", ttl.to_string());
        }
        if self.is_skipped {
            insert("cf-aig-skip-cache", "true".to_owned());
        }
        if self.hurries {
            insert("cf-aig-request-timeout", "2000".to_owned());
        }
        request.map(|body: Full<Bytes>| body.map_err(|never| match never {}).boxed_unsync())
    }

    /// When the client sends its request.
    pub async fn begins(&self) {
        yields(self.starts).await;
    }

    /// The result, unless the client leaves before the head.
    pub async fn read(&self, answer: impl Future<Output = Answer>) -> Option<Got> {
        let mut got = None;
        let reading = async {
            let answer = answer.await;
            let got = got.insert(Got::head(&answer));
            let mut body = answer.into_body();
            loop {
                yields(self.reads).await;
                match body.frame().await {
                    Some(Ok(frame)) => got.body.extend_from_slice(frame.data_ref().unwrap()),
                    Some(Err(_)) => return End::Broken,
                    None => return End::Whole,
                }
            }
        };
        let leaving = async {
            match self.leaves {
                Some(turns) => yields(turns).await,
                None => std::future::pending().await,
            }
        };
        let end = tokio::select! {
            biased;
            end = reading => end,
            () = leaving => End::Left,
        };
        got.map(|got| Got { end, ..got })
    }
}

impl Got {
    fn head(answer: &Answer) -> Self {
        let number =
            |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().parse().unwrap());
        Self {
            status: answer.status().as_u16(),
            cache: status(answer),
            call: number(CALL).map(|number: u64| number as usize),
            age: number("age"),
            body: Vec::new(),
            end: End::Left,
        }
    }
}
