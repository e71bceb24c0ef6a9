//! The stores' client of one Redis server or a cluster.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use super::circuit::{Circuit, Notes, Passage};
use super::error::{Failure, FailureKind, LinkError, RedisStoreError};
use super::link::Link;
use super::options::Options;

/// Asks Redis within a deadline, and not at all while it gives no answers.
#[derive(Debug)]
pub(in crate::control) struct RedisClient {
    pub(in crate::control) link: Link,
    circuit: Circuit,
    timeout: Duration,
}

impl RedisClient {
    /// Nothing is connected yet.
    pub(in crate::control) fn new(
        options: &Options,
        notes: &'static Notes,
    ) -> Result<Self, RedisStoreError> {
        Ok(Self {
            link: Link::new(options.target()?),
            circuit: Circuit::new(notes),
            timeout: options.timeout,
        })
    }

    /// Waits for an answer no longer than a request may.
    pub(in crate::control) async fn ask<T>(
        &self,
        may_have_run: &mut bool,
        question: impl Future<Output = Result<T, LinkError>>,
    ) -> Result<T, Failure> {
        self.ask_within(self.timeout, may_have_run, question).await
    }

    /// Waits for an answer no longer than `within`. `may_have_run` is set while it may, and stays so if
    /// that is not known at the end.
    pub(in crate::control) async fn ask_within<T>(
        &self,
        within: Duration,
        may_have_run: &mut bool,
        question: impl Future<Output = Result<T, LinkError>>,
    ) -> Result<T, Failure> {
        let passage = self.circuit.passage();
        if passage == Passage::Closed {
            self.circuit.skipped();
            return Err(Failure::Link(LinkError::failing()));
        }
        *may_have_run = true;
        let failure = match timeout(within, question).await {
            Ok(Ok(answer)) => {
                *may_have_run = false;
                self.circuit.succeeded();
                return Ok(answer);
            }
            Ok(Err(error)) => {
                *may_have_run = error.kind == FailureKind::Unknown;
                Failure::Link(error)
            }
            Err(_) => Failure::Timeout,
        };
        self.circuit.failed(&failure);
        if passage == Passage::Probe {
            self.link.renew();
        }
        Err(failure)
    }

    /// Like [`ask_within`](Self::ask_within), for background tasks with a deadline of their own: it ignores an
    /// open circuit, and its failures do not open it.
    pub(in crate::control) async fn ask_beside<T>(
        &self,
        within: Duration,
        question: impl Future<Output = Result<T, LinkError>>,
    ) -> Result<T, Failure> {
        let failure = match timeout(within, question).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Failure::Link(error),
            Err(_) => Failure::Timeout,
        };
        self.circuit.skipped();
        Err(failure)
    }

    /// How many questions had no answer, those that were not asked included.
    pub(in crate::control) fn failures(&self) -> u64 {
        self.circuit.failures()
    }
}
