//! Tasks that last as long as the program.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

/// What panics may do so every time.
const PAUSE: Duration = Duration::from_secs(1);

/// One turn of a task that goes round for ever. Where the turn panics it is over, and the task goes
/// on with the next.
pub(crate) async fn outlive(task: &'static str, turn: impl Future<Output = ()>) {
    let mut turn = pin!(turn);
    let is_over = poll_fn(|cx| {
        match catch_unwind(AssertUnwindSafe(|| turn.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(true),
            Err(payload) => {
                // Dropping it could panic again, and nobody would catch that.
                std::mem::forget(payload);
                Poll::Ready(false)
            }
        }
    });
    if !is_over.await {
        tracing::error!(task, "a task panicked; it goes on");
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_goes_on_after_a_panic() {
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
