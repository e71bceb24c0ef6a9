//! A body is recorded while it is sent, and read again unchanged.

mod bodies;
mod edits;
mod interleaved;
mod limits;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::{Body, Frame, SizeHint};
use tower::BoxError;

use super::error::ReplayError;
use super::recording::Recording;
use super::*;
use crate::routing::model::Edit;

/// What a poll of a scripted body returns; `Pending` while there is nothing.
#[derive(Clone, Debug)]
enum Play {
    Data(Bytes),
    Trailers,
    Error,
    End,
}

use Play::{End, Error, Trailers};

fn data(text: &'static str) -> Play {
    Play::Data(Bytes::from_static(text.as_bytes()))
}

/// A body that a test drives.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Played>>);

#[derive(Default)]
struct Played {
    frames: VecDeque<Play>,
    waker: Option<Waker>,
    /// The announced length.
    length: Option<u64>,
    has_ended: bool,
}

impl Script {
    fn new(frames: impl IntoIterator<Item = Play>) -> Self {
        let script = Self::default();
        script.0.lock().unwrap().frames.extend(frames);
        script
    }

    /// Announces its length from the start.
    fn sized(self) -> Self {
        {
            let mut played = self.0.lock().unwrap();
            let lengths = played.frames.iter().map(|frame| match frame {
                Play::Data(data) => data.len() as u64,
                _ => 0,
            });
            played.length = Some(lengths.sum());
        }
        self
    }

    fn play(&self, frame: Play) {
        let mut played = self.0.lock().unwrap();
        played.frames.push_back(frame);
        if let Some(waker) = played.waker.take() {
            waker.wake();
        }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut played = self.0.lock().unwrap();
        assert!(!played.has_ended, "polled behind its end");
        let Some(frame) = played.frames.pop_front() else {
            played.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        played.has_ended = matches!(frame, Error | End);
        if let Trailers = frame {
            played.frames.push_back(End);
        }
        Poll::Ready(match frame {
            Play::Data(data) => {
                if let Some(length) = &mut played.length {
                    *length -= data.len() as u64;
                }
                Some(Ok(Frame::data(data)))
            }
            Trailers => Some(Ok(Frame::trailers(trailers()))),
            Error => Some(Err("broken off".into())),
            End => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        let played = self.0.lock().unwrap();
        played.has_ended || played.length == Some(0) && matches!(played.frames.front(), Some(End))
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap().length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([(http::header::ETAG, "t".parse().unwrap())])
}

/// Counts wake-ups.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Woken {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// What one poll of a reader returned.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Data(Bytes),
    Trailers,
    Error(String),
    End,
    Pending,
}

fn got(text: &'static str) -> Got {
    Got::Data(Bytes::from_static(text.as_bytes()))
}

fn failed(error: ReplayError) -> Got {
    Got::Error(error.to_string())
}

fn poll_with(body: &mut ReplayBody<Script>, waker: &Waker) -> Got {
    match Pin::new(body).poll_frame(&mut Context::from_waker(waker)) {
        Poll::Pending => Got::Pending,
        Poll::Ready(None) => Got::End,
        Poll::Ready(Some(Err(error))) => Got::Error(error.to_string()),
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) => Got::Data(data),
            Err(frame) => {
                assert_eq!(frame.into_trailers().unwrap(), self::trailers());
                Got::Trailers
            }
        },
    }
}

fn poll(body: &mut ReplayBody<Script>) -> Got {
    poll_with(body, Waker::noop())
}

/// Everything that a reader gets until it ends or must wait.
fn read(body: &mut ReplayBody<Script>) -> Vec<Got> {
    let mut all = Vec::new();
    loop {
        match poll(body) {
            Got::End => {
                assert_eq!(poll(body), Got::End, "it ends once and for all");
                all.push(Got::End);
                return all;
            }
            Got::Pending => return all,
            frame => all.push(frame),
        }
    }
}

fn record(script: &Script, limit: usize) -> Arc<RecordedRequest<Script>> {
    let head = KeptHead::of(&Request::new(()), None);
    let keeping = Keeping::up_to(limit, &BodyBudget::default());
    RecordedRequest::new(head, Recording::new(script.clone(), keeping))
}

fn reader(recorded: &Arc<RecordedRequest<Script>>) -> ReplayBody<Script> {
    ReplayBody::replaying(recorded.clone())
}
