//! What is left in the store: nothing, where nothing is due.

use super::*;

#[tokio::test]
async fn leaving_puts_everything_back_in_order_and_leaves_no_key_behind() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    let mut raw = Raw::to(&server);
    let _ = backend.enqueue(&QUEUE, &tasks(&["a", "b", "c", "d", "e", "f", "g"])).await.unwrap();
    let first = backend.claim(&lease, claim(9, 3)).await.unwrap();
    let _second = backend.claim(&lease, claim(10, 2)).await.unwrap();
    raw.send(&format!("LMOVE q {{q}}:landing:{} LEFT RIGHT", lease.worker));
    let done = first.tasks.into_iter().nth(1).unwrap().done();
    backend.settle(&lease, &[done], None).await.unwrap();
    assert_eq!(backend.inspect(&QUEUE).await.unwrap().claimed, 5);

    assert_eq!(backend.leave(&lease).await.unwrap(), 5);
    assert_eq!(backend.leave(&lease).await.unwrap(), 0);
    assert_eq!(raw.send("DBSIZE"), ":1");
    let other = joined(&backend).await;
    assert_eq!(ready(&backend, &other).await, ["a", "c", "d", "e", "f", "g"]);
}

#[tokio::test]
async fn recovery_restores_the_order_and_leaves_no_key_behind() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let mut raw = Raw::to(&server);
    let lease = Lease { queue: QUEUE.clone(), worker: WorkerId::random() };
    backend.join(&lease, Duration::from_millis(50)).await.unwrap();
    raw.send("RPUSH q a b c d e f");
    let first = backend.claim(&lease, claim(9, 2)).await.unwrap();
    for batch in 10..12 {
        let _ = backend.claim(&lease, claim(batch, 1)).await.unwrap();
    }
    raw.send(&format!("LMOVE q {{q}}:landing:{} LEFT RIGHT", lease.worker));
    let done = first.tasks.into_iter().next().unwrap().done();
    backend.settle(&lease, &[done], None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let recovered = backend.recover(&QUEUE, &Recovery::default(), Duration::ZERO).await.unwrap();
    assert_eq!((recovered.requeued, recovered.buried, recovered.more), (4, 0, false));
    assert_eq!(backend.renew(&lease, TTL).await.unwrap_err().kind(), BackendErrorKind::LeaseLost);
    assert_eq!(raw.send("DBSIZE"), ":1");
    let other = joined(&backend).await;
    assert_eq!(ready(&backend, &other).await, ["b", "c", "d", "e", "f"]);
}

#[tokio::test]
async fn dead_letters_are_moved_in_many_steps_up_to_the_beginning() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let lease = joined(&backend).await;
    for batch in 0..3 {
        let _ = backend.enqueue(&QUEUE, &tasks(&["{}"; 400])).await.unwrap();
        let claimed = backend.claim(&lease, claim(batch, 512)).await.unwrap();
        let dead: Vec<_> = claimed.tasks.into_iter().map(|task| task.dead(letter("x\ny"))).collect();
        backend.settle(&lease, &dead, None).await.unwrap();
    }
    assert_eq!(backend.trim_dead(&QUEUE, &Retention::default().count(1100)).await.unwrap(), 100);
    assert_eq!(backend.replay(&QUEUE, &Selection::All).await.unwrap(), 1100);
    let stats = backend.inspect(&QUEUE).await.unwrap();
    assert_eq!((stats.ready, stats.dead), (1100, 0));
    assert_eq!(Raw::to(&server).send("HGET {q}:stats dead_bytes"), "0");
    assert_eq!(entries(&backend.claim(&lease, claim(9, 1)).await.unwrap()), ["x\ny"]);
}
