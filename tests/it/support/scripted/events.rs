//! A hook that records attempts and ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_ai_gateway::hook::{AttemptEvent, Failure};
use tower_ai_gateway::{EndEvent, MetricsHook, Outcome};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub number: u32,
    pub step: u32,
    pub status: Option<u16>,
    pub failure: Option<Failure>,
    pub duration: Duration,
}

#[derive(Clone, Debug)]
pub struct End {
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub failure: Option<Failure>,
    pub attempts: u32,
    pub step: u32,
    pub provider: Option<String>,
    pub request_model: Option<String>,
    pub stream_requested: bool,
    /// The `Debug` output of the event and its context.
    pub debug: String,
}

#[derive(Clone, Debug, Default)]
pub struct Events {
    pub attempts: Arc<Mutex<Vec<Attempt>>>,
    pub ends: Arc<Mutex<Vec<End>>>,
}

impl Events {
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap().clone()
    }

    /// Numbers, steps, and status or failure of all attempts.
    pub fn reported(&self) -> Vec<(u32, u32, String)> {
        let result = |attempt: &Attempt| match (attempt.status, attempt.failure) {
            (Some(status), None) => status.to_string(),
            (None, Some(failure)) => failure.to_string(),
            other => panic!("{other:?}"),
        };
        self.attempts()
            .iter()
            .map(|attempt| (attempt.number, attempt.step, result(attempt)))
            .collect()
    }

    /// The only end event.
    pub fn end(&self) -> End {
        let ends = self.ends.lock().unwrap();
        assert_eq!(ends.len(), 1, "{ends:?}");
        ends[0].clone()
    }
}

impl MetricsHook for Events {
    fn on_attempt(&self, attempt: &AttemptEvent<'_>) {
        self.attempts.lock().unwrap().push(Attempt {
            number: attempt.number,
            step: attempt.step,
            status: attempt.status.map(|status| status.as_u16()),
            failure: attempt.failure,
            duration: attempt.duration,
        });
    }

    fn on_end(&self, end: &EndEvent<'_>) {
        self.ends.lock().unwrap().push(End {
            outcome: end.outcome,
            status: end.status.map(|status| status.as_u16()),
            failure: end.failure,
            attempts: end.attempts,
            step: end.step,
            provider: end.context.provider().map(str::to_owned),
            request_model: end.request_model.map(str::to_owned),
            stream_requested: end.stream_requested,
            debug: format!("{end:?} {:?}", end.context),
        });
    }
}
