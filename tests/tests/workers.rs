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
    Error, HandlerOptions, QueueName,
    backend::{Backend, DeathReason, NewTask, Page, QueueStats, TaskBackend as _},
    prelude::*,
    worker::{BuildError, ErrorPolicy, Precedence},
};
use redis_ext_memory::MemoryBackend;
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
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(8), move |number: Task<Number>| {
            let sum = Arc::clone(&adding);
            async move {
                sum.fetch_add(number.0, SeqCst);
                Ok(())
            }
        })
        .handler::<Word, _>(Concurrency::new(2), move || Speller(Arc::clone(&spelling)))
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();

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
    WorkerSupervisor::builder(Arc::clone(&backend))
        .handler::<Number, _>(Concurrency::new(4), move || Counter {
            handled: Cell::new(0),
            total: Arc::clone(&counting),
            made: Arc::clone(&making),
            busy: std::rc::Rc::default(),
        })
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();

    assert_eq!(total.load(SeqCst), 500, "none was run twice");
    assert!((1..=4).contains(&made.load(SeqCst)), "{} actors were made", made.load(SeqCst));
    assert_eq!(stats(&*backend, &Number::QUEUE).await.dead, 0);
}

async fn no_more_tasks_run_at_once_than_were_asked_for(backend: Arc<dyn Backend>) {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    enqueue_numbers(&backend, 60).await;
    let (counting, peak) = (Arc::clone(&running), Arc::clone(&most));
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(7), move |_: Task<Number>| {
            let (running, most) = (Arc::clone(&counting), Arc::clone(&peak));
            async move {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                running.fetch_sub(1, SeqCst);
                Ok(())
            }
        })
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();
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
    WorkerSupervisor::builder(Arc::clone(&backend))
        .handler::<Number, _>(Concurrency::new(1), move || Fragile(Arc::clone(&counting)))
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();

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
    WorkerSupervisor::builder(Arc::clone(&backend))
        .handler::<Number, _>(Concurrency::new(1), move || Slow(Arc::clone(&telling)))
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();
    assert_eq!((told.load(SeqCst), stats(&*backend, &Number::QUEUE).await.dead), (1, 0));
}

async fn payloads_of_other_producers_are_tasks(backend: Arc<dyn Backend>) {
    let seen = Arc::<Mutex<Vec<_>>>::default();
    backend.enqueue(&Number::QUEUE, &[NewTask::new(*b"41"), NewTask::new(*b" 42 ")]).await.unwrap();
    let seeing = Arc::clone(&seen);
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(1), move |number: Task<Number>| {
            seeing.lock().unwrap().push((number.0, number.attempt(), number.enqueued_at()));
            async { Ok(()) }
        })
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();
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
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(1), see(&seen))
        .handler_fn(HandlerOptions::from(Concurrency::new(1)).queue(low), see(&seen))
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();
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
    WorkerSupervisor::builder(backend)
        .handler_fn(Concurrency::new(1), move |number: Task<Number>| {
            noting.lock().unwrap().push(number.0);
            async { Ok(()) }
        })
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();
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
    WorkerSupervisor::builder(Arc::clone(&backend))
        .handler::<Number, _>(Concurrency::new(1), move || Quitter(Arc::clone(&counting)))
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();
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
    WorkerSupervisor::builder(Arc::clone(&backend))
        .handler_blocking(Concurrency::new(2), move |number: Task<Number>| {
            noting.lock().unwrap().push(std::thread::current().id());
            assert!(number.0 != 3 || number.attempt() > 1, "a panic is a failed attempt here too");
            Ok(())
        })
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();
    let threads = threads.lock().unwrap();
    assert_eq!(threads.len(), 5);
    assert!(!threads.contains(&std::thread::current().id()));
    assert_eq!(stats(&*backend, &Number::QUEUE).await.dead, 0);
}

/// Puts its mark for as long as a task runs, and keeps the order in which tasks began.
#[derive(Clone, Default)]
struct Log {
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    began: Arc<Mutex<Vec<&'static str>>>,
}

impl Log {
    fn handler<T: RedisTask>(
        &self,
        mark: &'static str,
    ) -> impl Fn(Task<T>) -> std::pin::Pin<Box<dyn Future<Output = Result<(), TaskError>>>> + Send + Sync + 'static
    {
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
    WorkerSupervisor::builder(backend)
        .limit(Concurrency::new(3), Precedence::Weighted)
        .handler_fn(HandlerOptions::from(Concurrency::new(8)).weight(2), log.handler::<Number>("number"))
        .handler_fn(HandlerOptions::from(Concurrency::new(8)), log.handler::<Word>("word"))
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();
    assert_eq!(log.most.load(SeqCst), 3);
    let began = log.began.lock().unwrap();
    assert_eq!(began.len(), 120);
    let words = began[..60].iter().filter(|&&mark| mark == "word").count();
    assert!((10..=30).contains(&words), "a third of the first 60, give or take the start: {words}");
}

async fn a_strict_order_runs_the_first_queue_first(backend: Arc<dyn Backend>) {
    let log = Log::default();
    enqueue_words(&backend, 40).await;
    enqueue_numbers(&backend, 40).await;
    WorkerSupervisor::builder(backend)
        .limit(Concurrency::new(1), Precedence::Strict)
        .handler_fn(Concurrency::new(4), log.handler::<Number>("number"))
        .handler_fn(Concurrency::new(4), log.handler::<Word>("word"))
        .start()
        .unwrap()
        .run_until_idle()
        .await
        .unwrap();
    let began = log.began.lock().unwrap();
    let last_number = began.iter().rposition(|&mark| mark == "number").unwrap();
    let words_before = began[..last_number].iter().filter(|&&mark| mark == "word").count();
    assert!(words_before <= 8, "only in gaps between claims of the first queue: {words_before}");
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    async fn handle(_: Task<Number>) -> Result<(), TaskError> {
        Ok(())
    }
    let builder = || WorkerSupervisor::builder(MemoryBackend::new());
    let refused = |builder: redis_ext::worker::WorkerSupervisorBuilder| match builder.start() {
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
        let short = builder().handler_fn(one, handle).lease(second).heartbeat(second);
        assert_eq!(refused(short), BuildError::ShortLease { lease: second, heartbeat: second });
    });
}
