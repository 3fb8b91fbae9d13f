//! Unit tests of a program with tasks: no server, and a clock that the test moves by hand, so that "an hour later" is
//! now. The program comes first, then its tests.
//!
//! ```console
//! $ cargo test --example test_with_memory
//! $ cargo run --example test_with_memory      # the program itself; it reminds at once, as nobody wants to wait here
//! ```

use std::{sync::Arc, time::Duration};

use redis_ext::{Backend, Workers, prelude::*};

/// Reminds someone of a basket left behind.
#[derive(Debug, RedisTask)]
#[redis_task(queue = "reminders", max_attempts = 3, backoff = "fixed(10m)")]
struct Reminder {
    to: String,
}

/// What sends a text to someone: a mail server in the program, something else in a test.
type Post = Arc<dyn Fn(&str) -> Result<(), TaskError> + Send + Sync>;

fn start(backend: impl Backend, post: Post) -> Result<Workers, redis_ext::Error> {
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(4), move |reminder: Task<Reminder>| {
            let post = Arc::clone(&post);
            async move { post(&reminder.to) }
        })
        .start()
}

#[actix::main]
async fn main() -> anyhow::Result<()> {
    let backend = redis_ext_examples::backend().await?;
    let post: Post = Arc::new(|to| {
        println!("{to}: your basket is waiting for you");
        Ok(())
    });
    let task = Reminder { to: "ada@example.org".into() }.enqueue_in(&backend, Duration::from_millis(500)).await?;
    println!("The task {} is due in half a second.", task.id());
    start(backend, post)?.run_until_idle().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use redis_ext::backend::{DeathReason, Page};
    use redis_ext_memory::MemoryBackend;
    use tokio::{
        sync::mpsc::{UnboundedReceiver, unbounded_channel},
        time::{Instant, pause, sleep},
    };

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A post that answers as told, and the minutes at which it was called.
    fn post(answer: fn() -> Result<(), TaskError>) -> (Post, UnboundedReceiver<u64>) {
        let (calls, called) = unbounded_channel();
        let begun = Instant::now();
        let post = move |_: &str| {
            calls.send(begun.elapsed().as_secs() / 60)?;
            answer()
        };
        (Arc::new(post), called)
    }

    #[actix::test]
    async fn a_reminder_is_sent_after_an_hour_and_not_before() -> anyhow::Result<()> {
        pause();
        let backend = MemoryBackend::new();
        let (post, mut called) = post(|| Ok(()));
        let workers = start(backend.clone(), post)?;
        let _ = Reminder { to: "ada@example.org".into() }.enqueue_in(&backend, 60 * MINUTE).await?;

        sleep(59 * MINUTE).await; // the clock is paused, so this takes no time
        assert!(called.is_empty());
        sleep(2 * MINUTE).await;
        assert_eq!(called.try_recv(), Ok(60));
        Ok(workers.shutdown().await?)
    }

    #[actix::test]
    async fn a_reminder_that_cannot_be_sent_is_tried_every_ten_minutes_and_then_kept() -> anyhow::Result<()> {
        pause();
        let backend = MemoryBackend::new();
        let (post, mut called) = post(|| Err(TaskError::new("the mail server is down")));
        let workers = start(backend.clone(), post)?;
        let _ = Reminder { to: "ada@example.org".into() }.enqueue(&backend).await?;

        backend.drained(&Reminder::QUEUE).await; // the clock jumps from one retry to the next
        workers.shutdown().await?;
        assert_eq!([called.recv().await, called.recv().await, called.recv().await], [Some(0), Some(10), Some(20)]);
        let dead = Queue::of::<Reminder>(&backend).dead_letters(Page::default()).await?;
        assert_eq!(dead.letters[0].reason, DeathReason::AttemptsExhausted);
        Ok(())
    }
}
