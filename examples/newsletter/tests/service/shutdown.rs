//! The end of a process, with work in flight.

use std::time::Duration;

use crate::stage::{Answer, GRACE, Stage};
use redis_ext::RedisTask as _;
use redis_ext_newsletter::tasks::{RenderPreview, Welcome};
use tokio::time::{Instant, sleep};

#[actix_web::test]
async fn what_was_in_flight_is_finished_or_left_to_the_next_process() {
    let stage = Stage::new().await;
    for number in 1..=12 {
        let mailbox = format!("reader{number}");
        // Some are quick, some end within the grace time, some do not.
        let time = [Duration::ZERO, GRACE / 2, GRACE * 10][number % 3];
        stage.post.answer(&mailbox, &[Answer::Slow(time)]);
        assert_eq!(stage.subscribe(&mailbox).await.0, 201);
    }
    let process = stage.background();
    while stage.post.begun() < 4 {
        sleep(Duration::from_millis(1)).await;
    }
    let _ = stage.save("w48", "A draft that nobody had the time to render").await;

    let begun = Instant::now();
    process.shutdown().await.unwrap();
    assert!(begun.elapsed() < GRACE * 2);
    assert!(stage.backend.claimed(&Welcome::QUEUE).is_empty());
    let waiting = stage.backend.queued_tasks::<Welcome>().len();
    assert!(waiting > 0);
    assert_eq!(stage.post.taken().len() + waiting, 12);

    let next_process = stage.background();
    stage.backend.drained(&Welcome::QUEUE).await;
    sleep(Duration::from_secs(1)).await;
    stage.backend.drained(&RenderPreview::QUEUE).await;
    next_process.shutdown().await.unwrap();

    let mut expected: Vec<_> = (1..=12).map(|number| format!("welcome/{number}")).collect();
    expected.sort();
    assert_eq!(stage.post.taken(), expected);
    assert_eq!(stage.get("/issues/w48/preview").await.0, 200);
}
