//! Many tasks at once: their order, and what an error tells of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use redis_ext::{
    BackendErrorKind, Error,
    backend::{Operation, TaskBackend as _},
    prelude::*,
};
use redis_ext_memory::{Faults, MemoryBackend};

#[derive(RedisTask)]
struct Number(usize);

/// Five groups.
const MANY: usize = 4 * 512 + 100;

/// Enqueues them, and tells how many were enqueued by the error's word, whether there may be more, and how many there
/// are.
async fn failing(faults: Faults) -> (usize, bool, usize) {
    let backend = MemoryBackend::new().with_faults(faults);
    let error = Number::enqueue_many(&backend, (0..MANY).map(Number)).await.unwrap_err();
    let Error::EnqueueMany { enqueued, source } = error else { panic!("{error:?}") };
    (enqueued.len(), source.is_maybe_applied(), backend.inspect(&Number::QUEUE).await.unwrap().ready)
}

#[tokio::test]
async fn many_tasks_keep_their_order() {
    let backend = MemoryBackend::new();
    let ids: Vec<_> = Number::enqueue_many(&backend, (0..MANY).map(Number)).await.unwrap();
    let queued = backend.queued(&Number::QUEUE);
    let numbers = queued.iter().map(|entry| {
        let envelope = redis_ext::task::Envelope::parse(entry).unwrap();
        (envelope.id, Number::decode(envelope.payload()).unwrap().0)
    });
    assert!(numbers.eq(ids.iter().map(|enqueued| enqueued.id()).zip(0..)));
    assert!(ids.is_sorted_by(|one, next| one.id() < next.id()), "the IDs sort in the order of the tasks");
}

#[tokio::test]
async fn an_error_tells_what_was_enqueued_before_it_and_whether_more_may_be() {
    let fail = |calls| Faults::new().fail(Operation::Enqueue, calls, BackendErrorKind::Unavailable);
    assert_eq!(failing(fail(2..=3)).await, (512, false, 512), "the group and the one under way beside it are refused");
    assert_eq!(failing(fail(2..=2)).await, (512, true, 1024), "the one under way beside it came through");
    assert_eq!(failing(Faults::new().lose_reply(Operation::Enqueue, 2)).await, (512, true, 1536));
    assert_eq!(failing(fail(5..=5)).await, (2048, false, 2048), "nothing is under way beside the last");
}
