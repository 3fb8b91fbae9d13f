//! Supervisors and handlers, as users put them together, on both backends. The memory backend's clock is paused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    cell::Cell,
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use redis_ext::{
    BackendErrorKind, Error, HandlerOptions, QueueName, TaskId, Timestamp,
    backend::{
        Backend, BatchId, Claim, DeathReason, Lease, MAX_BATCH, NewTask, Operation, Page, QueueStats, TaskBackend as _,
        WorkerId,
    },
    prelude::*,
    task::Envelope,
    worker::{BuildError, ErrorPolicy, Precedence, WorkerSupervisorBuilder},
};
use redis_ext_memory::{Faults, MemoryBackend};
use redis_ext_tests::{RedisServer, eventually};

/// Runs each case, which is listed here once, on both backends; on Redis with a server of its own.
macro_rules! on_both_backends {
    ($($case:ident,)*) => {
        mod memory {
            $(#[test]
            fn $case() {
                actix::System::new().block_on(async {
                    tokio::time::pause();
                    super::$case(std::sync::Arc::new(super::MemoryBackend::new())).await;
                });
            })*
        }
        mod redis {
            $(#[test]
            fn $case() {
                let server = super::RedisServer::start();
                actix::System::new().block_on(async {
                    let backend = redis_ext::RedisBackend::connect(&server.url()).await.unwrap();
                    super::$case(std::sync::Arc::new(backend)).await;
                });
            })*
        }
    };
}

on_both_backends! {
    several_types_share_a_supervisor_as_actors_and_closures,
    an_actor_has_one_task_at_a_time_and_keeps_its_state,
    no_more_tasks_run_at_once_than_were_asked_for,
    an_actor_that_dies_is_replaced,
    an_actor_over_its_time_is_replaced_and_told,
    payloads_of_other_producers_are_tasks,
    one_type_is_handled_from_two_queues,
    a_shutdown_lets_running_tasks_end_and_gives_the_rest_back_in_order,
    tasks_that_outlast_the_grace_time_go_back,
    a_second_worker_goes_on_where_the_first_was_shut_down,
    a_dropped_task_is_retried,
    the_first_failure_ends_the_work_where_that_is_the_policy,
    a_blocking_handler_has_a_thread_of_its_own,
    a_limit_holds_over_all_queues,
    a_strict_order_runs_the_first_queue_first,
    an_effect_recorded_before_a_failure_is_not_had_again,
    a_cancelled_task_is_not_run_whether_ready_scheduled_or_waiting_for_a_retry,
    a_running_closure_is_dropped_when_its_task_is_cancelled,
    a_running_actor_is_told_that_its_task_was_cancelled_and_replaced,
    a_cancelled_task_of_a_lost_worker_is_not_run_again,
    the_handle_of_a_queue_takes_more_tasks_than_a_batch_has,
    tasks_one_crash_short_of_poison_are_tried_one_at_a_time_in_all_lanes,
}

#[derive(RedisTask)]
#[redis_task(queue = "numbers", max_attempts = 2, backoff = "fixed(20ms)")]
struct Number(usize);

#[derive(RedisTask)]
#[redis_task(queue = "words")]
enum Word {
    Plain(String),
    Spelled { letters: Vec<char> },
}

/// Works until nothing is left to do.
async fn work_off(workers: WorkerSupervisorBuilder) {
    workers.start().unwrap().run_until_idle().await.unwrap();
}

async fn stats(backend: &dyn Backend, queue: &QueueName) -> QueueStats {
    backend.inspect(queue).await.unwrap()
}

async fn enqueue_numbers(backend: &Arc<dyn Backend>, numbers: usize) {
    Number::enqueue_many(backend, (0..numbers).map(Number)).await.unwrap();
}

async fn several_types_share_a_supervisor_as_actors_and_closures(backend: Arc<dyn Backend>) {
    struct Speller(Arc<Mutex<BTreeSet<String>>>);
    impl Actor for Speller {
        type Context = Context<Self>;
    }
    impl Handler<Task<Word>> for Speller {
        type Result = Result<(), TaskError>;
        fn handle(&mut self, word: Task<Word>, _: &mut Context<Self>) -> Self::Result {
            let text = match word.into_inner() {
                Word::Plain(text) => text,
                Word::Spelled { letters } => letters.into_iter().collect(),
            };
            self.0.lock().unwrap().insert(text);
            Ok(())
        }
    }

    let (sum, words) = (Arc::new(AtomicUsize::new(0)), Arc::<Mutex<BTreeSet<String>>>::default());
    enqueue_numbers(&backend, 1_000).await;
    let spelled = Word::Spelled { letters: vec!['ü', 'b', 'e', 'r'] };
    Word::enqueue_many(&backend, [Word::Plain("word".into()), spelled]).await.unwrap();

    let (adding, spelling) = (Arc::clone(&sum), Arc::clone(&words));
    work_off(
        WorkerSupervisor::builder(backend)
            .handler_fn(Concurrency::new(8), move |number: Task<Number>| {
                let sum = Arc::clone(&adding);
                async move {
                    sum.fetch_add(number.0, SeqCst);
                    Ok(())
                }
            })
            .handler::<Word, _>(Concurrency::new(2), move || Speller(Arc::clone(&spelling))),
    )
    .await;

    assert_eq!(sum.load(SeqCst), 499_500);
    assert_eq!(*words.lock().unwrap(), BTreeSet::from(["word".to_owned(), "über".to_owned()]));
}

async fn an_actor_has_one_task_at_a_time_and_keeps_its_state(backend: Arc<dyn Backend>) {
    /// Counts its tasks in a cell that is no use across threads.
    struct Counter {
        handled: Cell<usize>,
        total: Arc<AtomicUsize>,
        made: Arc<AtomicUsize>,
        busy: std::rc::Rc<Cell<bool>>,
    }
    impl Actor for Counter {
        type Context = Context<Self>;
        fn started(&mut self, _: &mut Context<Self>) {
            self.made.fetch_add(1, SeqCst);
        }
    }
    impl Handler<Task<Number>> for Counter {
        type Result = ResponseFuture<Result<(), TaskError>>;
        fn handle(&mut self, _: Task<Number>, _: &mut Context<Self>) -> Self::Result {
            self.handled.set(self.handled.get() + 1);
            self.total.fetch_add(1, SeqCst);
            let busy = std::rc::Rc::clone(&self.busy);
            Box::pin(async move {
                assert!(!busy.replace(true), "another task of this actor is running");
                tokio::task::yield_now().await;
                busy.set(false);
                Ok(())
            })
        }
    }

    let (total, made) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    enqueue_numbers(&backend, 500).await;
    let (counting, making) = (Arc::clone(&total), Arc::clone(&made));
    work_off(WorkerSupervisor::builder(Arc::clone(&backend)).handler::<Number, _>(Concurrency::new(4), move || {
        Counter {
            handled: Cell::new(0),
            total: Arc::clone(&counting),
            made: Arc::clone(&making),
            busy: std::rc::Rc::default(),
        }
    }))
    .await;

    assert_eq!(total.load(SeqCst), 500, "none was run twice");
    assert!((1..=4).contains(&made.load(SeqCst)), "{} actors were made", made.load(SeqCst));
    assert_eq!(stats(&*backend, &Number::QUEUE).await.dead, 0);
}

async fn no_more_tasks_run_at_once_than_were_asked_for(backend: Arc<dyn Backend>) {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    enqueue_numbers(&backend, 60).await;
    let (counting, peak) = (Arc::clone(&running), Arc::clone(&most));
    work_off(WorkerSupervisor::builder(backend).handler_fn(Concurrency::new(7), move |_: Task<Number>| {
        let (running, most) = (Arc::clone(&counting), Arc::clone(&peak));
        async move {
            most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
            running.fetch_sub(1, SeqCst);
            Ok(())
        }
    }))
    .await;
    assert_eq!(most.load(SeqCst), 7);
}

async fn an_actor_that_dies_is_replaced(backend: Arc<dyn Backend>) {
    struct Fragile(Arc<AtomicUsize>);
    impl Actor for Fragile {
        type Context = Context<Self>;
    }
    impl Handler<Task<Number>> for Fragile {
        type Result = Result<(), TaskError>;
        fn handle(&mut self, number: Task<Number>, _: &mut Context<Self>) -> Self::Result {
            assert!(number.0 != 3, "a panic in a synchronous handler kills the actor");
            self.0.fetch_add(1, SeqCst);
            Ok(())
        }
    }

    let handled = Arc::new(AtomicUsize::new(0));
    enqueue_numbers(&backend, 10).await;
    let counting = Arc::clone(&handled);
    work_off(
        WorkerSupervisor::builder(Arc::clone(&backend))
            .handler::<Number, _>(Concurrency::new(1), move || Fragile(Arc::clone(&counting))),
    )
    .await;

    assert_eq!(handled.load(SeqCst), 9);
    let dead = backend.dead_letters(&Number::QUEUE, Page::default()).await.unwrap();
    assert_eq!((dead.total, dead.letters[0].attempts), (1, 2));
    assert_eq!(dead.letters[0].reason, DeathReason::AttemptsExhausted);
}

async fn an_actor_over_its_time_is_replaced_and_told(backend: Arc<dyn Backend>) {
    struct Slow(Arc<AtomicUsize>);
    impl Actor for Slow {
        type Context = Context<Self>;
    }
    impl Handler<Task<Number>> for Slow {
        type Result = ResponseFuture<Result<(), TaskError>>;
        fn handle(&mut self, number: Task<Number>, _: &mut Context<Self>) -> Self::Result {
            let told = Arc::clone(&self.0);
            Box::pin(async move {
                if number.attempt() == 1 {
                    number.cancellation().cancelled().await;
                    told.fetch_add(1, SeqCst);
                }
                Ok(())
            })
        }
    }

    let told = Arc::new(AtomicUsize::new(0));
    let limit = Some(Duration::from_millis(50));
    Number(1).with().timeout(limit).enqueue(&backend).await.unwrap();
    let telling = Arc::clone(&told);
    work_off(
        WorkerSupervisor::builder(Arc::clone(&backend))
            .handler::<Number, _>(Concurrency::new(1), move || Slow(Arc::clone(&telling))),
    )
    .await;
    assert_eq!((told.load(SeqCst), stats(&*backend, &Number::QUEUE).await.dead), (1, 0));
}

async fn payloads_of_other_producers_are_tasks(backend: Arc<dyn Backend>) {
    let seen = Arc::<Mutex<Vec<_>>>::default();
    backend.enqueue(&Number::QUEUE, &[NewTask::new(*b"41"), NewTask::new(*b" 42 ")]).await.unwrap();
    let seeing = Arc::clone(&seen);
    work_off(WorkerSupervisor::builder(backend).handler_fn(Concurrency::new(1), move |number: Task<Number>| {
        seeing.lock().unwrap().push((number.0, number.attempt(), number.enqueued_at()));
        async { Ok(()) }
    }))
    .await;
    assert_eq!(*seen.lock().unwrap(), [(41, 1, None), (42, 1, None)]);
}

async fn one_type_is_handled_from_two_queues(backend: Arc<dyn Backend>) {
    let low = QueueName::from_static("numbers-low");
    let seen = Arc::<Mutex<BTreeSet<_>>>::default();
    Number(1).enqueue(&backend).await.unwrap();
    Number(2).with().queue(low.clone()).enqueue(&backend).await.unwrap();
    let see = |seen: &Arc<Mutex<BTreeSet<_>>>| {
        let seen = Arc::clone(seen);
        move |number: Task<Number>| {
            seen.lock().unwrap().insert((number.0, number.queue().to_string()));
            async { Ok(()) }
        }
    };
    work_off(
        WorkerSupervisor::builder(backend)
            .handler_fn(Concurrency::new(1), see(&seen))
            .handler_fn(HandlerOptions::from(Concurrency::new(1)).queue(low), see(&seen)),
    )
    .await;
    let expected = [(1, "numbers".to_owned()), (2, "numbers-low".to_owned())];
    assert_eq!(*seen.lock().unwrap(), expected.into());
}

async fn a_shutdown_lets_running_tasks_end_and_gives_the_rest_back_in_order(backend: Arc<dyn Backend>) {
    let finished = Arc::<Mutex<Vec<_>>>::default();
    enqueue_numbers(&backend, 1_000).await;
    let finishing = Arc::clone(&finished);
    let workers = WorkerSupervisor::builder(Arc::clone(&backend))
        .handler_fn(Concurrency::new(10), move |number: Task<Number>| {
            let finished = Arc::clone(&finishing);
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                finished.lock().unwrap().push(number.0);
                Ok(())
            }
        })
        .start()
        .unwrap();
    eventually("some tasks have run", || async { finished.lock().unwrap().len() >= 100 }).await;
    workers.shutdown().await.unwrap();

    let done = finished.lock().unwrap().len();
    let left = stats(&*backend, &Number::QUEUE).await;
    assert_eq!((left.claimed, left.scheduled, left.dead, left.workers), (0, 0, 0, 0));
    assert_eq!(left.ready + done, 1_000, "nothing is lost");

    let in_order = Arc::<Mutex<Vec<_>>>::default();
    let noting = Arc::clone(&in_order);
    work_off(WorkerSupervisor::builder(backend).handler_fn(Concurrency::new(1), move |number: Task<Number>| {
        noting.lock().unwrap().push(number.0);
        async { Ok(()) }
    }))
    .await;
    assert!(in_order.lock().unwrap().is_sorted(), "what was given back stands at the head, in order");
}

async fn tasks_that_outlast_the_grace_time_go_back(backend: Arc<dyn Backend>) {
    let begun = Arc::new(AtomicUsize::new(0));
    enqueue_numbers(&backend, 5).await;
    let beginning = Arc::clone(&begun);
    let workers = WorkerSupervisor::builder(Arc::clone(&backend))
        .handler_fn(Concurrency::new(3), move |_: Task<Number>| {
            beginning.fetch_add(1, SeqCst);
            std::future::pending()
        })
        .grace(Duration::from_millis(100))
        .start()
        .unwrap();
    eventually("three tasks are running", || async { begun.load(SeqCst) == 3 }).await;
    workers.shutdown().await.unwrap();
    let left = stats(&*backend, &Number::QUEUE).await;
    assert_eq!((left.ready, left.claimed, left.workers), (5, 0, 0));
}

async fn a_second_worker_goes_on_where_the_first_was_shut_down(backend: Arc<dyn Backend>) {
    let handled = Arc::new(AtomicUsize::new(0));
    enqueue_numbers(&backend, 300).await;
    let count = || {
        let handled = Arc::clone(&handled);
        move |_: Task<Number>| {
            let handled = Arc::clone(&handled);
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                handled.fetch_add(1, SeqCst);
                Ok(())
            }
        }
    };
    let build = || WorkerSupervisor::builder(Arc::clone(&backend)).handler_fn(Concurrency::new(5), count());
    let first = build().start().unwrap();
    eventually("some tasks have run", || async { handled.load(SeqCst) >= 20 }).await;
    let second = build().start().unwrap();
    first.shutdown().await.unwrap();
    second.run_until_idle().await.unwrap();
    assert_eq!(handled.load(SeqCst), 300, "each task was run once");
}

async fn a_dropped_task_is_retried(backend: Arc<dyn Backend>) {
    /// Stops itself at its first task, so that it never answers.
    struct Quitter(Arc<AtomicUsize>);
    impl Actor for Quitter {
        type Context = Context<Self>;
    }
    impl Handler<Task<Number>> for Quitter {
        type Result = actix::ResponseActFuture<Self, Result<(), TaskError>>;
        fn handle(&mut self, _: Task<Number>, ctx: &mut Context<Self>) -> Self::Result {
            use actix::{ActorContext as _, fut::WrapFuture as _};
            if self.0.fetch_add(1, SeqCst) == 0 {
                ctx.terminate();
                return Box::pin(std::future::pending().into_actor(self));
            }
            Box::pin(async { Ok(()) }.into_actor(self))
        }
    }

    let runs = Arc::new(AtomicUsize::new(0));
    Number(1).enqueue(&backend).await.unwrap();
    let counting = Arc::clone(&runs);
    work_off(
        WorkerSupervisor::builder(Arc::clone(&backend))
            .handler::<Number, _>(Concurrency::new(1), move || Quitter(Arc::clone(&counting))),
    )
    .await;
    assert_eq!((runs.load(SeqCst), stats(&*backend, &Number::QUEUE).await.dead), (2, 0));
}

async fn the_first_failure_ends_the_work_where_that_is_the_policy(backend: Arc<dyn Backend>) {
    let finished = Arc::new(AtomicUsize::new(0));
    enqueue_numbers(&backend, 100).await;
    let counting = Arc::clone(&finished);
    let ended = WorkerSupervisor::builder(Arc::clone(&backend))
        .handler_fn(
            HandlerOptions::from(Concurrency::new(2)).error_policy(ErrorPolicy::StopOnFirst),
            move |number: Task<Number>| {
                let finished = Arc::clone(&counting);
                async move {
                    if number.0 == 3 {
                        return Err(TaskError::new("three is too many"));
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    finished.fetch_add(1, SeqCst);
                    Ok(())
                }
            },
        )
        .start()
        .unwrap()
        .run_until_signal()
        .await;
    match ended {
        Err(Error::TaskFailed { queue, attempt, source, .. }) => {
            assert_eq!((queue, attempt, source.to_string()), (Number::QUEUE, 1, "three is too many".into()));
        }
        other => panic!("the task's error was expected, not {other:?}"),
    }
    let left = stats(&*backend, &Number::QUEUE).await;
    assert_eq!((left.claimed, left.workers, left.dead), (0, 0, 0));
    assert_eq!(left.ready + left.scheduled + finished.load(SeqCst), 100, "nothing is lost");
    assert!(left.ready >= 80, "the work ended soon: {left:?}");
}

async fn a_blocking_handler_has_a_thread_of_its_own(backend: Arc<dyn Backend>) {
    let threads = Arc::<Mutex<Vec<_>>>::default();
    enqueue_numbers(&backend, 4).await;
    let noting = Arc::clone(&threads);
    work_off(WorkerSupervisor::builder(Arc::clone(&backend)).handler_blocking(
        Concurrency::new(2),
        move |number: Task<Number>| {
            noting.lock().unwrap().push(std::thread::current().id());
            assert!(number.0 != 3 || number.attempt() > 1, "a panic is a failed attempt here too");
            Ok(())
        },
    ))
    .await;
    let threads = threads.lock().unwrap().clone();
    assert_eq!(threads.len(), 5);
    assert!(!threads.contains(&std::thread::current().id()));
    assert_eq!(stats(&*backend, &Number::QUEUE).await.dead, 0);
}

type Attempt = std::pin::Pin<Box<dyn Future<Output = Result<(), TaskError>>>>;

/// Puts its mark for as long as a task runs, and keeps the order in which tasks began.
#[derive(Clone, Default)]
struct Log {
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    began: Arc<Mutex<Vec<&'static str>>>,
}

impl Log {
    fn handler<T: RedisTask>(&self, mark: &'static str) -> impl Fn(Task<T>) -> Attempt + Send + Sync + 'static {
        let log = self.clone();
        move |_| {
            let log = log.clone();
            Box::pin(async move {
                log.began.lock().unwrap().push(mark);
                log.most.fetch_max(log.running.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::time::sleep(Duration::from_millis(2)).await;
                log.running.fetch_sub(1, SeqCst);
                Ok(())
            })
        }
    }
}

async fn enqueue_words(backend: &Arc<dyn Backend>, words: usize) {
    Word::enqueue_many(backend, (0..words).map(|word| Word::Plain(word.to_string()))).await.unwrap();
}

async fn a_limit_holds_over_all_queues(backend: Arc<dyn Backend>) {
    let log = Log::default();
    enqueue_numbers(&backend, 60).await;
    enqueue_words(&backend, 60).await;
    work_off(
        WorkerSupervisor::builder(backend)
            .limit(Concurrency::new(3), Precedence::Weighted)
            .handler_fn(HandlerOptions::from(Concurrency::new(8)).weight(2), log.handler::<Number>("number"))
            .handler_fn(HandlerOptions::from(Concurrency::new(8)), log.handler::<Word>("word")),
    )
    .await;
    assert_eq!(log.most.load(SeqCst), 3);
    let began = log.began.lock().unwrap();
    assert_eq!(began.len(), 120);
    let words = began[..60].iter().filter(|&&mark| mark == "word").count();
    assert!((10..=30).contains(&words), "a third of the first 60, give or take the start: {words}");
}

/// A task whose worker has died twice.
fn suspect(payload: &str) -> NewTask {
    let envelope = Envelope::new(TaskId::random(), Timestamp::from_millis(1), payload.as_bytes());
    NewTask::new(envelope.after_crash().after_crash().to_entry())
}

async fn the_handle_of_a_queue_takes_more_tasks_than_a_batch_has(backend: Arc<dyn Backend>) {
    const MANY: usize = MAX_BATCH + 88;
    let numbers = Queue::of::<Number>(&backend);
    let enqueued = Number::enqueue_many(&backend, (0..MANY).map(Number)).await.unwrap();
    let ids: Vec<TaskId> = enqueued.iter().map(|task| task.id()).collect();
    let give_up = || {
        let workers = WorkerSupervisor::builder(Arc::clone(&backend));
        workers.handler_fn(Concurrency::new(64), async |_: Task<Number>| Err(TaskError::fatal("it is hopeless")))
    };

    numbers.pause().await.unwrap();
    assert!(numbers.stats().await.unwrap().paused);
    numbers.resume().await.unwrap();
    work_off(give_up()).await;
    assert_eq!(numbers.dead_letters(Page::default().next()).await.unwrap().total, MANY);
    assert_eq!(numbers.replay(ids.clone()).await.unwrap(), MANY);
    assert_eq!(numbers.stats().await.unwrap().ready, MANY);

    numbers.cancel(&ids[1..]).await.unwrap();
    work_off(give_up()).await;
    assert_eq!(numbers.stats().await.unwrap().dead, 1, "the others were cancelled");
    assert_eq!(numbers.replay(ids[0]).await.unwrap(), 1);
    work_off(give_up()).await;
    assert_eq!(numbers.delete_dead(ids).await.unwrap(), 1);
    assert_eq!(numbers.stats().await.unwrap(), QueueStats::default());
}

async fn tasks_one_crash_short_of_poison_are_tried_one_at_a_time_in_all_lanes(backend: Arc<dyn Backend>) {
    for (queue, payload) in [(Number::QUEUE, "1"), (Word::QUEUE, r#"{"Plain":"a"}"#)] {
        let suspects: Vec<_> = (0..6).map(|_| suspect(payload)).collect();
        backend.enqueue(&queue, &suspects).await.unwrap();
    }
    let log = Log::default();
    work_off(
        WorkerSupervisor::builder(backend)
            .handler_fn(Concurrency::new(8), log.handler::<Number>("number"))
            .handler_fn(Concurrency::new(8), log.handler::<Word>("word")),
    )
    .await;
    let began = log.began.lock().unwrap();
    let numbers = began.iter().filter(|&&mark| mark == "number").count();
    assert_eq!((began.len(), numbers, log.most.load(SeqCst)), (12, 6, 1));
}

async fn a_strict_order_runs_the_first_queue_first(backend: Arc<dyn Backend>) {
    let log = Log::default();
    enqueue_words(&backend, 40).await;
    enqueue_numbers(&backend, 40).await;
    work_off(
        WorkerSupervisor::builder(backend)
            .limit(Concurrency::new(1), Precedence::Strict)
            .handler_fn(Concurrency::new(4), log.handler::<Number>("number"))
            .handler_fn(Concurrency::new(4), log.handler::<Word>("word")),
    )
    .await;
    let began = log.began.lock().unwrap();
    let last_number = began.iter().rposition(|&mark| mark == "number").unwrap();
    let words_before = began[..last_number].iter().filter(|&&mark| mark == "word").count();
    assert!(words_before <= 8, "only in gaps between claims of the first queue: {words_before}");
}

async fn an_effect_recorded_before_a_failure_is_not_had_again(backend: Arc<dyn Backend>) {
    let (charged, runs) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    enqueue_numbers(&backend, 20).await;
    let (charging, running, store) = (Arc::clone(&charged), Arc::clone(&runs), Arc::clone(&backend));
    work_off(WorkerSupervisor::builder(Arc::clone(&backend)).handler_fn(
        Concurrency::new(4),
        move |number: Task<Number>| {
            let (charged, runs, store) = (Arc::clone(&charging), Arc::clone(&running), Arc::clone(&store));
            async move {
                runs.fetch_add(1, SeqCst);
                let charge = |_| async {
                    charged.fetch_add(1, SeqCst);
                    Ok(number.0 * 2)
                };
                assert_eq!(number.once("charge", &store, charge).await?, number.0 * 2);
                if number.attempt() == 1 { Err(TaskError::new("after the effect")) } else { Ok(()) }
            }
        },
    ))
    .await;
    assert_eq!((runs.load(SeqCst), charged.load(SeqCst)), (40, 20));
}

/// A worker of one task at a time, which looks for cancelled ones often.
fn attentive<R: Future<Output = Result<(), TaskError>> + 'static>(
    backend: &Arc<dyn Backend>,
    handler: impl Fn(Task<Number>) -> R + Send + Sync + 'static,
) -> redis_ext::worker::WorkerSupervisorBuilder {
    let builder = WorkerSupervisor::builder(Arc::clone(backend)).heartbeat(Duration::from_millis(50));
    builder.handler_fn(Concurrency::new(1), handler)
}

/// Nothing is left of the tasks, neither in the queue nor as a mark.
async fn assert_gone(backend: &dyn Backend, ids: &[TaskId]) {
    let QueueStats { ready, claimed, scheduled, dead, .. } = stats(backend, &Number::QUEUE).await;
    assert_eq!([ready, claimed, scheduled, dead], [0; 4]);
    assert_eq!(backend.cancelled(&Number::QUEUE, ids).await.unwrap(), []);
}

async fn a_cancelled_task_is_not_run_whether_ready_scheduled_or_waiting_for_a_retry(backend: Arc<dyn Backend>) {
    let runs = Arc::<Mutex<Vec<_>>>::default();
    let soon = Duration::from_millis(500);
    let hour = Some(Duration::from_secs(3600));
    let ready = Number(1).with().unique_for(hour).enqueue(&backend).await.unwrap().id();
    let scheduled = Number(2).enqueue_in(&backend, soon).await.unwrap().id();
    backend.cancel(&Number::QUEUE, &[ready, scheduled]).await.unwrap();
    let retried = Number(3).enqueue(&backend).await.unwrap().id();
    Number(4).enqueue(&backend).await.unwrap();

    let running = Arc::clone(&runs);
    let workers = attentive(&backend, move |number| {
        running.lock().unwrap().push(number.0);
        async move { if number.0 == 3 { Err(TaskError::retry_in("later", soon)) } else { Ok(()) } }
    })
    .start()
    .unwrap();
    eventually("the third waits for its retry", || async {
        let left = stats(&*backend, &Number::QUEUE).await;
        runs.lock().unwrap().len() == 2 && (left.ready, left.claimed, left.scheduled > 0) == (0, 0, true)
    })
    .await;
    backend.cancel(&Number::QUEUE, &[retried]).await.unwrap();
    workers.run_until_idle().await.unwrap();

    assert_eq!(*runs.lock().unwrap(), [3, 4]);
    assert_gone(&*backend, &[ready, scheduled, retried]).await;
    assert!(!Number(1).with().unique_for(hour).enqueue(&backend).await.unwrap().is_duplicate());
}

async fn a_running_closure_is_dropped_when_its_task_is_cancelled(backend: Arc<dyn Backend>) {
    struct NoteDrop(Arc<AtomicUsize>);
    impl Drop for NoteDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    let (begun, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let id = Number(1).enqueue(&backend).await.unwrap().id();
    let (beginning, dropping) = (Arc::clone(&begun), Arc::clone(&dropped));
    let workers = attentive(&backend, move |_| {
        let noted = NoteDrop(Arc::clone(&dropping));
        beginning.fetch_add(1, SeqCst);
        async move {
            let _noted = noted;
            std::future::pending().await
        }
    })
    .start()
    .unwrap();
    eventually("the task is running", || async { begun.load(SeqCst) == 1 }).await;
    backend.cancel(&Number::QUEUE, &[id]).await.unwrap();
    workers.run_until_idle().await.unwrap();
    assert_eq!((begun.load(SeqCst), dropped.load(SeqCst)), (1, 1));
    assert_gone(&*backend, &[id]).await;
}

async fn a_running_actor_is_told_that_its_task_was_cancelled_and_replaced(backend: Arc<dyn Backend>) {
    #[derive(Clone, Default)]
    struct Waiter {
        begun: Arc<AtomicUsize>,
        told: Arc<AtomicUsize>,
    }
    impl Actor for Waiter {
        type Context = Context<Self>;
    }
    impl Handler<Task<Number>> for Waiter {
        type Result = ResponseFuture<Result<(), TaskError>>;
        fn handle(&mut self, number: Task<Number>, _: &mut Context<Self>) -> Self::Result {
            let Self { begun, told } = self.clone();
            begun.fetch_add(1, SeqCst);
            Box::pin(async move {
                if number.0 == 1 {
                    number.cancellation().cancelled().await;
                    told.fetch_add(1, SeqCst);
                }
                Err(TaskError::fatal("of a cancelled task this is ignored"))
            })
        }
    }

    let waiter = Waiter::default();
    let id = Number(1).enqueue(&backend).await.unwrap().id();
    let other = Number(2).enqueue(&backend).await.unwrap().id();
    let made = waiter.clone();
    let workers = WorkerSupervisor::builder(Arc::clone(&backend))
        .handler::<Number, _>(Concurrency::new(1), move || made.clone())
        .heartbeat(Duration::from_millis(50))
        .start()
        .unwrap();
    eventually("the first task is running", || async { waiter.begun.load(SeqCst) == 1 }).await;
    backend.cancel(&Number::QUEUE, &[id]).await.unwrap();
    workers.run_until_idle().await.unwrap();
    assert_eq!((waiter.begun.load(SeqCst), waiter.told.load(SeqCst)), (2, 1));
    let dead = backend.dead_letters(&Number::QUEUE, Page::default()).await.unwrap();
    assert_eq!(dead.letters.iter().map(|letter| letter.id).collect::<Vec<_>>(), [other]);
    assert_eq!(backend.cancelled(&Number::QUEUE, &[id]).await.unwrap(), []);
}

async fn a_cancelled_task_of_a_lost_worker_is_not_run_again(backend: Arc<dyn Backend>) {
    let id = Number(1).enqueue(&backend).await.unwrap().id();
    let lease = Lease { queue: Number::QUEUE, worker: WorkerId::random() };
    backend.join(&lease, Duration::from_millis(50)).await.unwrap();
    let claim = Claim { batch: BatchId(1), max: std::num::NonZeroUsize::MIN };
    assert_eq!(backend.claim(&lease, claim).await.unwrap().tasks.len(), 1);
    backend.cancel(&Number::QUEUE, &[id]).await.unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&runs);
    let workers = attentive(&backend, move |_| {
        counting.fetch_add(1, SeqCst);
        async { Ok(()) }
    });
    workers.start().unwrap().run_until_idle().await.unwrap();
    assert_eq!(runs.load(SeqCst), 0);
    assert_gone(&*backend, &[id]).await;
}

#[test]
fn lost_replies_run_no_cancelled_task_and_lose_no_other() {
    actix::System::new().block_on(async {
        tokio::time::pause();
        let store = MemoryBackend::new();
        let faults = Faults::new()
            .lose_reply(Operation::Cancel, 1)
            .fail(Operation::Cancelled, 1, BackendErrorKind::Unavailable)
            .lose_reply(Operation::Cancelled, 2)
            .lose_reply(Operation::Settle, 1..=2);
        let backend: Arc<dyn Backend> = Arc::new(store.with_faults(faults));
        let runs = Arc::<Mutex<Vec<_>>>::default();
        let mut ids = Vec::new();
        for number in 0..4 {
            ids.push(Number(number).enqueue(&backend).await.unwrap().id());
        }
        let lost = backend.cancel(&Number::QUEUE, &ids[1..3]).await.unwrap_err();
        assert!(lost.is_maybe_applied());
        backend.cancel(&Number::QUEUE, &ids[1..3]).await.unwrap();

        let running = Arc::clone(&runs);
        let workers = attentive(&backend, move |number| {
            running.lock().unwrap().push(number.0);
            async { Ok(()) }
        });
        workers.start().unwrap().run_until_idle().await.unwrap();
        assert_eq!(*runs.lock().unwrap(), [0, 3]);
        assert_gone(&store, &ids).await;
    });
}

/// Runs a test in memory, with a clock that moves by itself when all wait.
fn in_memory<F: Future<Output = ()>>(test: impl FnOnce(MemoryBackend) -> F) {
    actix::System::new().block_on(async {
        tokio::time::pause();
        test(MemoryBackend::new()).await;
    });
}

/// Whether the task that is held up is the suspect itself, or one that was running before it.
fn long_tasks_hold_up_no_other_queue(first: Vec<NewTask>, then: Vec<NewTask>) {
    in_memory(async |backend| {
        let (long, short) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counting_long, counting_short) = (Arc::clone(&long), Arc::clone(&short));
        let _workers = WorkerSupervisor::builder(backend.clone())
            .handler_fn(Concurrency::new(2), move |_: Task<Number>| {
                counting_long.fetch_add(1, SeqCst);
                std::future::pending()
            })
            .handler_fn(Concurrency::new(8), move |_: Task<Word>| {
                counting_short.fetch_add(1, SeqCst);
                async { Ok(()) }
            })
            .start()
            .unwrap();
        backend.enqueue(&Number::QUEUE, &first).await.unwrap();
        eventually("a long task runs", || async { long.load(SeqCst) == 1 }).await;
        backend.enqueue(&Number::QUEUE, &then).await.unwrap();
        backend.enqueue(&Word::QUEUE, &[suspect(r#"{"Plain":"a"}"#)]).await.unwrap();
        enqueue_words(&(Arc::new(backend) as _), 100).await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!((long.load(SeqCst), short.load(SeqCst)), (1 + then.len(), 101));
    });
}

#[test]
fn a_suspect_behind_a_long_task_is_run_and_holds_up_no_other_queue() {
    long_tasks_hold_up_no_other_queue(vec![NewTask::new("1")], vec![suspect("2")]);
}

#[test]
fn a_suspect_that_takes_long_holds_up_no_other_queue() {
    long_tasks_hold_up_no_other_queue(vec![suspect("1")], vec![NewTask::new("2")]);
}

#[test]
fn outcomes_on_their_way_for_long_hold_claims_back() {
    in_memory(async |backend| {
        let slow = backend.with_faults(Faults::new().delay(Operation::Settle, 1.., Duration::from_secs(3600)));
        let options = HandlerOptions::from(Concurrency::new(8)).prefetch(0);
        let _workers =
            WorkerSupervisor::builder(slow).handler_fn(options, |_: Task<Number>| async { Ok(()) }).start().unwrap();
        for number in 0..500 {
            Number(number).enqueue(&backend).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let claimed = stats(&backend, &Number::QUEUE).await.claimed;
        assert!((1..=16).contains(&claimed), "{claimed} claimed");
    });
}

#[test]
fn an_effect_whose_recording_fails_for_a_while_is_had_once() {
    in_memory(async |backend| {
        let faults = Faults::new()
            .fail(Operation::FinishEffect, 1..=3, BackendErrorKind::Unavailable)
            .lose_reply(Operation::FinishEffect, 4);
        let flaky = backend.with_faults(faults);
        let charges = Arc::new(AtomicUsize::new(0));
        let charging = Arc::clone(&charges);
        Number(1).enqueue(&backend).await.unwrap();
        work_off(WorkerSupervisor::builder(backend).handler_fn(Concurrency::new(1), move |number: Task<Number>| {
            let (charges, flaky) = (Arc::clone(&charging), flaky.clone());
            async move {
                let charge = |_fence| async { Ok(charges.fetch_add(1, SeqCst)) };
                number.once("charge", &flaky, charge).await.map(drop)
            }
        }))
        .await;
        assert_eq!(charges.load(SeqCst), 1);
    });
}

#[test]
fn recoveries_whose_replies_are_lost_recover_all_the_same() {
    in_memory(async |backend| {
        let flaky = backend.with_faults(Faults::new().lose_reply(Operation::Recover, 1..));
        let runs = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&runs);
        let _workers = attentive(&(Arc::new(flaky) as _), move |_| {
            counting.fetch_add(1, SeqCst);
            async { Ok(()) }
        })
        .start()
        .unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let dead = Lease { queue: Number::QUEUE, worker: WorkerId::random() };
        backend.join(&dead, Duration::from_millis(50)).await.unwrap();
        backend.pause(&Number::QUEUE).await.unwrap();
        Number(1).enqueue(&backend).await.unwrap();
        backend.resume(&Number::QUEUE).await.unwrap();
        let claim = Claim { batch: BatchId(1), max: std::num::NonZeroUsize::MIN };
        assert_eq!(backend.claim(&dead, claim).await.unwrap().tasks.len(), 1, "before a worker woke up");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(runs.load(SeqCst), 1);
    });
}

#[test]
fn a_handler_that_stops_its_arbiter_costs_its_tasks_an_attempt() {
    actix::System::new().block_on(async {
        let backend = MemoryBackend::new();
        let runs = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&runs);
        for number in 0..4 {
            Number(number).enqueue(&backend).await.unwrap();
        }
        work_off(
            WorkerSupervisor::builder(backend.clone())
                .arbiters(1)
                .lease(Duration::from_millis(400))
                .heartbeat(Duration::from_millis(50))
                .handler_fn(Concurrency::new(1), move |_: Task<Number>| {
                    if counting.fetch_add(1, SeqCst) == 0 {
                        actix::Arbiter::current().stop();
                    }
                    async {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        Ok(())
                    }
                }),
        )
        .await;
        assert!(runs.load(SeqCst) >= 5, "{runs:?}");
        assert_eq!(stats(&backend, &Number::QUEUE).await.dead, 0);
    });
}

#[test]
fn a_clock_moved_by_minutes_takes_no_living_worker_its_task() {
    const MINUTES: Duration = Duration::from_secs(10 * 60);
    actix::System::new().block_on(async {
        tokio::time::pause();
        let backend = MemoryBackend::new();
        let runs = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&runs);
        let workers = WorkerSupervisor::builder(backend.clone())
            .handler_fn(Concurrency::new(1), move |_: Task<Number>| {
                counting.fetch_add(1, SeqCst);
                async {
                    tokio::time::sleep(MINUTES * 2).await;
                    Ok(())
                }
            })
            .start()
            .unwrap();
        Number(1).enqueue(&backend).await.unwrap();
        eventually("it is running", || async { runs.load(SeqCst) == 1 }).await;
        for _ in 0..2 {
            tokio::time::advance(MINUTES).await;
        }
        workers.run_until_idle().await.unwrap();
        assert_eq!(runs.load(SeqCst), 1);
    });
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    async fn handle(_: Task<Number>) -> Result<(), TaskError> {
        Ok(())
    }
    let builder = || WorkerSupervisor::builder(MemoryBackend::new());
    let refused = |builder: WorkerSupervisorBuilder| match builder.start() {
        Err(Error::Build(error)) => error,
        other => panic!("a build error was expected, not {other:?}"),
    };
    let one = Concurrency::new(1);
    let second = Duration::from_secs(1);

    assert_eq!(refused(builder().handler_fn(one, handle)), BuildError::NoSystem);
    actix::System::new().block_on(async {
        assert_eq!(refused(builder()), BuildError::NoHandler);
        let twice = builder().handler_fn(one, handle).handler_fn(one, handle);
        assert_eq!(refused(twice), BuildError::TwoHandlers(Number::QUEUE));
        let none = builder().handler_fn(Concurrency::new(0), handle);
        assert_eq!(refused(none), BuildError::NoConcurrency(Number::QUEUE));
        let nothing = builder().handler_fn(one, handle).limit(Concurrency::new(0), Precedence::Strict);
        assert_eq!(refused(nothing), BuildError::NoLimit);
        let nanosecond = Duration::from_nanos(1);
        for (lease, heartbeat) in [(second, second), (2 * nanosecond, nanosecond), (Duration::MAX, second)] {
            let leased = builder().handler_fn(one, handle).lease(lease).heartbeat(heartbeat);
            assert_eq!(refused(leased), BuildError::Lease { lease, heartbeat });
        }
    });
}
