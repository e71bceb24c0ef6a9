//! A provider that answers, refuses or fails, and sends a body, step by step.

use std::collections::VecDeque;

use super::*;

/// What the provider will do next, and what it has done.
#[derive(Default)]
pub(super) struct Provider {
    /// How the call under way ends…
    pub(super) verdict: Option<Verdict>,
    /// … and who waits for its end.
    pub(super) caller: Option<Waker>,
    pub(super) calling: usize,
    pub(super) calls: usize,
    pub(super) sources: Vec<Feed>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    Answer,
    Refusal,
    Failure,
}

/// One body: what is still to come, and whether it is open.
#[derive(Default)]
pub(super) struct Feed {
    pub(super) steps: VecDeque<Step>,
    pub(super) reader: Option<Waker>,
    pub(super) is_over: bool,
    pub(super) is_dropped: bool,
    pub(super) sent: u8,
}

pub(super) enum Step {
    Data(u8),
    End,
    Error,
}

pub(super) type World = Arc<Mutex<Provider>>;

struct Reading {
    world: World,
    number: usize,
}

impl Body for Reading {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut world = self.world.lock().unwrap();
        let feed = &mut world.sources[self.number];
        match feed.steps.pop_front() {
            None => {
                feed.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Step::Data(data)) => {
                Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&[data])))))
            }
            Some(Step::End) => Poll::Ready(None),
            Some(Step::Error) => Poll::Ready(Some(Err("broken off".into()))),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.world.lock().unwrap().sources[self.number].is_dropped = true;
    }
}

/// Counts a call until it ends.
struct Calling(World);

impl Drop for Calling {
    fn drop(&mut self) {
        let mut world = self.0.lock().unwrap();
        world.calling -= 1;
        world.verdict = None;
    }
}

pub(super) async fn call(world: World, target: Arc<Target>) -> CallResult {
    let calling = {
        let mut provider = world.lock().unwrap();
        provider.calling += 1;
        provider.calls += 1;
        assert_eq!(provider.calling, 1, "one asks at a time");
        Calling(world.clone())
    };
    let verdict = poll_fn(|cx| {
        let mut provider = world.lock().unwrap();
        match provider.verdict.take() {
            Some(verdict) => Poll::Ready(verdict),
            None => {
                provider.caller = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    })
    .await;
    drop(calling);
    let number = {
        let mut provider = world.lock().unwrap();
        provider.sources.push(Feed::default());
        provider.sources.len() - 1
    };
    let body = Box::pin(Reading { world: world.clone(), number }) as Source;
    let status = if verdict == Verdict::Answer { 200 } else { 500 };
    let mut response =
        Response::builder().status(status).header("content-type", "application/octet-stream");
    response = response.header(header::TRANSFER_ENCODING, "chunked");
    let ended = match verdict {
        Verdict::Answer => Ended::Answered,
        Verdict::Refusal => Ended::Refused,
        Verdict::Failure => Ended::Failed,
    };
    answered(response.body(body).unwrap(), target, None, ended)
}
