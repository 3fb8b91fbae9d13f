//! Authors write, look, and send.

use std::time::Duration;

use crate::stage::{Answer, Stage};
use redis_ext::{Queue, RedisTask as _};
use redis_ext_newsletter::tasks::{IssueMail, RenderPreview, SendIssue, Welcome};
use serde_json::Value;
use tokio::time::sleep;

#[actix_web::test]
async fn many_edits_are_rendered_once_when_they_have_calmed_down() {
    let stage = Stage::new().await;
    let background = stage.background();
    // What fires stays in the queue, where it can be counted.
    let previews = Queue::of::<RenderPreview>(&stage.backend);
    previews.pause().await.unwrap();

    for edit in 1..=20 {
        assert_eq!(stage.save("w48", &format!("# Edit {edit}")).await.0, 202);
        sleep(Duration::from_millis(100)).await;
    }
    assert!(stage.backend.queued_tasks::<RenderPreview>().is_empty());
    assert_eq!(stage.get("/issues/w48/preview").await.0, 404);

    sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.backend.queued_tasks::<RenderPreview>(), [RenderPreview { slug: "w48".parse().unwrap() }]);

    previews.resume().await.unwrap();
    stage.backend.drained(&RenderPreview::QUEUE).await;
    assert_eq!(stage.get("/issues/w48/preview").await, (200, "<h1>Edit 20</h1>\n".into()));
    background.shutdown().await.unwrap();
}

#[actix_web::test]
async fn an_author_who_never_pauses_sees_a_preview_every_five_seconds() {
    let stage = Stage::new().await;
    let background = stage.background();

    for edit in 0..=60 {
        assert_eq!(stage.save("w48", &format!("Edit {edit}")).await.0, 202);
        sleep(Duration::from_millis(100)).await;
    }
    let (status, page) = stage.get("/issues/w48/preview").await;
    assert_eq!(status, 200);
    assert_ne!(page, "<p>Edit 60</p>\n");
    background.shutdown().await.unwrap();
}

#[actix_web::test]
async fn an_issue_reaches_everybody_who_can_be_reached() {
    let stage = Stage::new().await;
    for mailbox in ["ada", "bob", "cyd", "dan"] {
        let _ = stage.subscribe(mailbox).await;
    }
    let background = stage.background();
    stage.backend.drained(&Welcome::QUEUE).await;
    stage.post.answer("bob", &[Answer::Bounce]);
    stage.post.answer("cyd", &[Answer::Defer, Answer::Defer]);
    assert_eq!(stage.delete("/subscriptions/4").await.0, 204);

    let _ = stage.save("w48", "Hello").await;
    assert_eq!(stage.post("/issues/w48/send", Value::Null).await.0, 202);
    stage.backend.drained(&SendIssue::QUEUE).await;
    stage.backend.drained(&IssueMail::QUEUE).await;
    background.shutdown().await.unwrap();

    assert_eq!(stage.post.taken()[..2], ["issues/w48/1", "issues/w48/3"]);
    assert_eq!(stage.subscribe("bob").await.0, 403);
    let (_, dead) = stage.get("/admin/queues/newsletter:mails/dead-letters").await;
    assert_eq!(dead["total"], 1);
    assert_eq!(dead["letters"][0]["payload"]["to"]["address"], "bob@example.org");
}

#[actix_web::test]
async fn what_is_out_does_not_change_and_does_not_go_out_again() {
    let stage = Stage::new().await;
    let _ = stage.subscribe("ada").await;
    assert_eq!(stage.post("/issues/w48/send", Value::Null).await.0, 404);

    let _ = stage.save("w48", "Hello").await;
    let (first, again) =
        (stage.post("/issues/w48/send", Value::Null).await, stage.post("/issues/w48/send", Value::Null).await);
    assert_eq!((first.0, &first), (202, &again));

    let background = stage.background();
    stage.backend.drained(&SendIssue::QUEUE).await;
    stage.backend.drained(&IssueMail::QUEUE).await;
    background.shutdown().await.unwrap();
    assert_eq!(stage.save("w48", "Hello again").await.0, 409);
    assert_eq!(stage.post("/issues/w48/send", Value::Null).await.0, 409);
    assert_eq!(stage.post.taken().iter().filter(|mail| mail.starts_with("issues/")).count(), 1);
}
