//! People come and go.

use crate::stage::{Answer, Stage};
use redis_ext::{BackendErrorKind, RedisTask as _, backend::Operation};
use redis_ext_memory::Faults;
use redis_ext_newsletter::tasks::Welcome;
use serde_json::json;

#[actix_web::test]
async fn a_subscriber_gets_a_number_and_a_welcome() {
    let stage = Stage::new().await;
    let background = stage.background();

    let (status, ada) = stage.subscribe("Ada").await;
    assert_eq!((status, ada), (201, json!({ "number": 1, "address": "ada@example.org" })));

    stage.backend.drained(&Welcome::QUEUE).await;
    assert_eq!(stage.post.taken(), ["welcome/1"]);
    background.shutdown().await.unwrap();
}

#[actix_web::test]
async fn who_subscribes_twice_is_one_subscriber_with_one_welcome() {
    let stage = Stage::new().await;

    let (first, again) = (stage.subscribe("ada").await, stage.subscribe("ADA").await);
    assert_eq!((first.0, again.0), (201, 200));
    assert_eq!(first.1, again.1);
    assert_eq!(stage.backend.queued_tasks::<Welcome>().len(), 1);
}

#[actix_web::test]
async fn a_subscription_that_broke_off_is_mended_by_asking_again() {
    let steps = [Operation::AssignIds, Operation::Enqueue, Operation::ChangeSet];
    let fail_once = |faults: Faults, step| faults.fail(step, 1, BackendErrorKind::Unavailable);
    let stage = Stage::with_faults(steps.into_iter().fold(Faults::new(), fail_once)).await;

    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(stage.subscribe("ada").await.0);
    }
    assert_eq!(statuses, [503, 503, 503, 201, 200]);
    assert_eq!(stage.backend.queued_tasks::<Welcome>().len(), 1);
}

#[actix_web::test]
async fn what_is_no_address_is_refused_with_the_reason() {
    let stage = Stage::new().await;

    let (status, answer) = stage.post("/subscriptions", json!({ "email": "ada" })).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("\"ada\" is not a mail address"), "{answer}");
}

#[actix_web::test]
async fn who_has_left_gets_no_mail_not_even_one_that_was_on_its_way() {
    let stage = Stage::new().await;
    let _ = stage.subscribe("ada").await;

    assert_eq!(stage.delete("/subscriptions/1").await.0, 204);
    let background = stage.background();
    stage.backend.drained(&Welcome::QUEUE).await;
    background.shutdown().await.unwrap();

    assert_eq!(stage.post.begun(), 0);
    assert_eq!(stage.subscribe("ada").await.0, 403);
    assert_eq!(stage.delete("/subscriptions/1").await.0, 204);
    assert_eq!(stage.delete("/subscriptions/2").await.0, 404);
}

#[actix_web::test]
async fn an_address_that_bounces_is_suppressed_and_its_mail_is_a_dead_letter() {
    let stage = Stage::new().await;
    stage.post.answer("bob", &[Answer::Bounce]);
    let background = stage.background();

    let _ = stage.subscribe("bob").await;
    stage.backend.drained(&Welcome::QUEUE).await;
    background.shutdown().await.unwrap();

    assert_eq!(stage.subscribe("bob").await.0, 403);
    let (_, dead) = stage.get("/admin/queues/newsletter:welcomes/dead-letters").await;
    assert_eq!((&dead["total"], &dead["letters"][0]["attempts"]), (&json!(1), &json!(1)));
    assert_eq!(dead["letters"][0]["errors"], json!(["550 bob@example.org: there is no such mailbox"]));
}
