//! What becomes of tasks that fail: tried again after a backoff or when they say, given up, killed when they hang. Then
//! the dead letters, and one of them brought back to life.
//!
//! ```console
//! $ cargo run --example retries
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use redis_ext::{
    Backend,
    backend::{Page, Selection},
    prelude::*,
};

#[derive(Debug, Clone, RedisTask)]
#[redis_task(queue = "errands", max_attempts = 3, backoff = "exponential(100ms, 1s)", timeout = "250ms")]
enum Errand {
    /// Fails this often before it succeeds.
    Flaky(u32),
    /// Knows when it is welcome again.
    RateLimited,
    /// Knows that trying again is of no use.
    Hopeless,
    /// Panics each time.
    Buggy,
    /// Takes longer than it may.
    Hanging,
    /// Fails until someone repairs the cause.
    Broken,
}

async fn run(errand: Task<Errand>, repaired: bool) -> Result<(), TaskError> {
    match *errand {
        Errand::Flaky(failures) if errand.attempt() <= failures => Err(TaskError::new("the network hiccuped")),
        Errand::RateLimited if errand.attempt() == 1 => {
            Err(TaskError::retry_in("429 too many requests", Duration::from_millis(500)))
        }
        Errand::Hopeless => Err(TaskError::fatal("410 gone")),
        Errand::Buggy => panic!("index out of bounds"),
        Errand::Hanging => std::future::pending().await,
        // `?` turns any error into one that asks for another attempt.
        Errand::Broken if !repaired => "forty-two".parse::<u32>().map(drop).map_err(TaskError::from),
        _ => Ok(()),
    }
}

/// Runs what is in the queue until nothing is left, not even a retry.
async fn work(backend: &Arc<dyn Backend>, repaired: Arc<AtomicBool>) -> Result<(), redis_ext::Error> {
    let begun = Instant::now();
    WorkerSupervisor::builder(Arc::clone(backend))
        .handler_fn(Concurrency::new(4), move |errand: Task<Errand>| {
            let repaired = repaired.load(Relaxed);
            async move {
                let (name, attempt) = ((*errand).clone(), errand.attempt());
                println!("{:>5} ms  {name:?}, attempt {attempt}", begun.elapsed().as_millis());
                let outcome = run(errand, repaired).await;
                match &outcome {
                    Ok(()) => println!("{:>5} ms  {name:?} is done", begun.elapsed().as_millis()),
                    Err(error) => println!("{:>5} ms  {name:?} failed: {error}", begun.elapsed().as_millis()),
                }
                outcome
            }
        })
        .start()?
        .run_until_idle()
        .await
}

#[actix::main]
async fn main() -> anyhow::Result<()> {
    let backend = redis_ext_examples::backend().await?;
    let repaired = Arc::new(AtomicBool::new(false));
    // The panic is part of the show: one line of it is enough.
    std::panic::set_hook(Box::new(|_| println!("          a handler panics")));

    use Errand::{Broken, Buggy, Flaky, Hanging, Hopeless, RateLimited};
    Errand::enqueue_many(&backend, [Flaky(2), RateLimited, Hopeless, Buggy, Hanging]).await?;
    let broken = Broken.enqueue(&backend).await?;
    work(&backend, Arc::clone(&repaired)).await?;

    println!("\nThe dead letters:");
    let errands = Queue::of::<Errand>(&backend);
    for letter in errands.dead_letters(Page::default()).await?.letters {
        let errand: Errand = letter.decode()?;
        println!("  {errand:?}: {:?}, attempt {}: {}", letter.reason, letter.attempts, letter.errors.join(": "));
    }

    println!("\nWhat was broken is repaired, and its task replayed:");
    repaired.store(true, Relaxed);
    errands.replay(broken.id()).await?;
    work(&backend, repaired).await?;

    let deleted = errands.delete_dead(Selection::All).await?;
    println!("\nThe {deleted} others are deleted for good.");
    Ok(())
}
