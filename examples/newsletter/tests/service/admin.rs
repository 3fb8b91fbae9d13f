//! Whoever looks after the queues.

use crate::stage::{Answer, Stage};
use redis_ext::RedisTask as _;
use redis_ext_newsletter::tasks::{IssueMail, SendIssue, Welcome};
use serde_json::{Value, json};

const LETTERS: &str = "/admin/queues/newsletter:mails/dead-letters";
const REPLAY: &str = "/admin/queues/newsletter:mails/replay";

#[actix_web::test]
async fn a_mail_that_was_given_up_is_replayed_when_the_mailbox_has_room_again() {
    let stage = Stage::new().await;
    let _ = stage.subscribe("ada").await;
    let background = stage.background();
    stage.backend.drained(&Welcome::QUEUE).await;
    stage.post.answer("ada", &[Answer::Defer; 4]);
    let _ = stage.save("w48", "Hello").await;
    let _ = stage.post("/issues/w48/send", Value::Null).await;
    stage.backend.drained(&SendIssue::QUEUE).await;
    stage.backend.drained(&IssueMail::QUEUE).await;
    assert_eq!(stage.post.taken(), ["welcome/1"]);

    let (_, dead) = stage.get(LETTERS).await;
    let letter = &dead["letters"][0];
    assert_eq!((&letter["reason"], &letter["attempts"]), (&json!("attempts_exhausted"), &json!(4)));
    let answer = stage.post(REPLAY, json!({ "tasks": [letter["task"]] })).await;
    assert_eq!(answer, (200, json!({ "replayed": 1 })));

    stage.backend.drained(&IssueMail::QUEUE).await;
    background.shutdown().await.unwrap();
    assert_eq!(stage.post.taken(), ["issues/w48/1", "welcome/1"]);
    assert_eq!(stage.get(LETTERS).await.1["total"], 0);
}

#[actix_web::test]
async fn every_queue_is_listed_with_what_it_holds() {
    let stage = Stage::new().await;
    let _ = stage.subscribe("ada").await;

    let (_, queues) = stage.get("/admin/queues").await;
    let ready: Vec<_> = queues.as_array().unwrap().iter().map(|queue| (&queue["queue"], &queue["ready"])).collect();
    assert_eq!(
        json!(ready),
        json!([
            ["newsletter:welcomes", 1],
            ["newsletter:previews", 0],
            ["newsletter:issues", 0],
            ["newsletter:mails", 0]
        ])
    );
    assert_eq!(stage.get("/admin/queues/emails/dead-letters").await.0, 404);
}
