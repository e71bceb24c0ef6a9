//! Tasks that run as long as the program.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

/// The pause after a panic, because each turn may panic.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs one turn of an endless task. If it panics, only this turn ends, and the task continues with the
/// next one.
pub(crate) async fn outlive(task: &'static str, turn: impl Future<Output = ()>) {
    let mut turn = pin!(turn);
    let is_over = poll_fn(|cx| {
        match catch_unwind(AssertUnwindSafe(|| turn.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(true),
            Err(payload) => {
                // Dropping the payload could panic again, and nothing would catch that.
                std::mem::forget(payload);
                Poll::Ready(false)
            }
        }
    });
    if !is_over.await {
        tracing::error!(task, "a task panicked and was restarted");
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_continues_after_a_panic() {
        let mut turns = 0;
        for _ in 0..3 {
            outlive("test", async {
                turns += 1;
                sleep(Duration::from_millis(1)).await;
                assert_ne!(turns, 2, "this turn panics");
            })
            .await;
        }
        assert_eq!(turns, 3);
    }
}
