//! The scheduler and its targets: queues, recipients, several schedulers at once, the quarantine, and the end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use actix::Actor as _;
use redis_ext::{
    BackendErrorKind, Burst, Debounce, Debouncer, Schedulers, TaskError,
    backend::{DebounceBackend, Operation, Page, PayloadRule, TaskBackend as _},
    prelude::*,
};
use redis_ext_memory::{Faults, MemoryBackend};
use redis_ext_tests::eventually;

use crate::stage::{Job, Recipient, Seen, on_both, paused, unique};

const SHORT: Duration = Duration::from_millis(50);

fn jobs(backend: &(impl DebounceBackend + Clone), policy: Debounce) -> Debouncer<Job> {
    Debouncer::new(backend.clone(), unique("jobs"), policy).unwrap()
}

fn job(number: u32) -> Job {
    Job { number }
}

fn scheduled(debouncer: &Debouncer<Job>, backend: impl DebounceBackend, recipient: Recipient) -> Schedulers {
    DebounceScheduler::builder(backend)
        .to_recipient(debouncer, recipient.start().recipient())
        .retry_after(SHORT)
        .start()
        .unwrap()
}

fn sorted(seen: &Seen) -> Vec<u32> {
    let mut seen = seen.lock().unwrap().clone();
    seen.sort_unstable();
    seen
}

#[derive(Debug, RedisTask)]
#[redis_task(queue = "debounced-ends", debounce = "50ms", key = "user", payload = "last")]
struct Notify {
    user: u32,
    unread: u32,
}

#[test]
fn what_fires_of_a_task_type_is_handled_by_a_worker_of_its_queue() {
    on_both(|backend| async move {
        let seen = Seen::default();
        let noted = Arc::clone(&seen);
        let workers = WorkerSupervisor::builder(backend.clone())
            .handler_fn(Concurrency::new(4), move |task: Task<Notify>| {
                noted.lock().unwrap().push(task.user * 100 + task.unread);
                async { Ok(()) }
            })
            .start()
            .unwrap();
        let scheduler = DebounceScheduler::builder(backend.clone()).task::<Notify>().start().unwrap();
        for unread in 1..=3 {
            for user in 1..=2 {
                Notify { user, unread }.debounce(&backend).await.unwrap();
            }
        }
        scheduler.run_until_idle().await.unwrap();
        workers.run_until_idle().await.unwrap();
        assert_eq!(sorted(&seen), [103, 203]);
    });
}

#[derive(Debug, RedisTask)]
#[redis_task(queue = "debounced-bursts", debounce = "50ms", key = "user", payload = "accumulate(10)")]
struct Message {
    user: u32,
    text: u32,
}

#[test]
fn accumulated_payloads_arrive_together_as_a_burst() {
    on_both(|backend| async move {
        let seen = Seen::default();
        let noted = Arc::clone(&seen);
        let workers = WorkerSupervisor::builder(backend.clone())
            .handler_fn(Concurrency::new(1), move |task: Task<Burst<Message>>| {
                noted.lock().unwrap().extend(task.0.iter().map(|message| message.user * 100 + message.text));
                async { Ok(()) }
            })
            .start()
            .unwrap();
        let scheduler = DebounceScheduler::builder(backend.clone()).task::<Message>().start().unwrap();
        for text in 1..=3 {
            Message { user: 7, text }.debounce(&backend).await.unwrap();
        }
        scheduler.run_until_idle().await.unwrap();
        workers.run_until_idle().await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [701, 702, 703]);
    });
}

#[derive(Debug, RedisTask)]
#[redis_task(queue = "debounced-unique", debounce = "10ms", unique_for = "10m")]
struct Rebuild {
    index: u32,
}

#[test]
fn with_a_unique_task_a_firing_waits_for_the_run_before_it() {
    on_both(|backend| async move {
        let running = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let runs = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (now, all) = (Arc::clone(&running), Arc::clone(&runs));
        let workers = WorkerSupervisor::builder(backend.clone())
            .handler_fn(Concurrency::new(8), move |_: Task<Rebuild>| {
                use std::sync::atomic::Ordering::SeqCst;
                let (now, all) = (Arc::clone(&now), Arc::clone(&all));
                async move {
                    assert_eq!(now.fetch_add(1, SeqCst), 0, "two runs at once");
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    now.fetch_sub(1, SeqCst);
                    all.fetch_add(1, SeqCst);
                    Ok(())
                }
            })
            .start()
            .unwrap();
        let scheduler = DebounceScheduler::builder(backend.clone()).task::<Rebuild>().start().unwrap();
        Rebuild { index: 1 }.debounce(&backend).await.unwrap();
        eventually("the first runs", || async { running.load(std::sync::atomic::Ordering::SeqCst) == 1 }).await;
        for _ in 0..5 {
            Rebuild { index: 1 }.debounce(&backend).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scheduler.run_until_idle().await.unwrap();
        workers.run_until_idle().await.unwrap();
        assert_eq!(runs.load(std::sync::atomic::Ordering::SeqCst), 2);
        assert_eq!(backend.inspect(&Rebuild::QUEUE).await.unwrap().dead, 0);
    });
}

#[test]
fn four_schedulers_fire_each_of_many_once() {
    const COUNT: u32 = 2_000;
    on_both(|backend| async move {
        let (seen, jobs) = (Seen::default(), jobs(&backend, Debounce::after(SHORT)));
        let schedulers: Vec<_> = (0..4).map(|_| scheduled(&jobs, backend.clone(), Recipient::noting(&seen))).collect();
        for number in 0..COUNT {
            jobs.schedule(&job(number)).await.unwrap();
        }
        for scheduler in schedulers {
            scheduler.run_until_idle().await.unwrap();
        }
        assert_eq!(sorted(&seen), (0..COUNT).collect::<Vec<_>>());
    });
}

#[test]
fn a_recipient_that_fails_gets_the_firing_again() {
    on_both(|backend| async move {
        let (seen, jobs) = (Seen::default(), jobs(&backend, Debounce::after(Duration::ZERO)));
        let judge = |job: &Job, time: usize| match (job.number, time) {
            (1, 1..=2) => Err(TaskError::new("not yet")),
            (2, 1) => Err(TaskError::retry_in("busy", Duration::from_millis(100))),
            _ => Ok(()),
        };
        let scheduler = scheduled(&jobs, backend, Recipient { judge, ..Recipient::noting(&seen) });
        for number in 1..=3 {
            jobs.schedule(&job(number)).await.unwrap();
        }
        scheduler.run_until_idle().await.unwrap();
        assert_eq!(sorted(&seen), [1, 1, 1, 2, 2, 3]);
    });
}

#[test]
fn what_a_recipient_gives_up_and_what_does_not_decode_is_quarantined_alone() {
    on_both(|backend| async move {
        let (seen, jobs) = (Seen::default(), jobs(&backend, Debounce::after(Duration::ZERO)));
        let judge = |job: &Job, time: usize| match (job.number, time) {
            (2, 1) => Err(TaskError::fatal("there is no such account")),
            _ => Ok(()),
        };
        let foreign =
            redis_ext::backend::Trigger::new("{\"number\": \"six\"}", redis_ext::backend::Due::In(Duration::ZERO));
        backend
            .trigger(
                jobs.key(),
                &[foreign],
                &redis_ext::backend::TriggerRules {
                    repeat: redis_ext::backend::Repeat::Keep,
                    payloads: PayloadRule::First,
                },
            )
            .await
            .unwrap();
        for number in 1..=3 {
            jobs.schedule(&job(number)).await.unwrap();
        }
        let scheduler = scheduled(&jobs, backend, Recipient { judge, ..Recipient::noting(&seen) });
        eventually("all have left", || async {
            let stats = jobs.stats().await.unwrap();
            stats.pending + stats.active == 0
        })
        .await;
        assert_eq!(sorted(&seen), [1, 2, 3]);
        let kept = jobs.quarantined(Page::default()).await.unwrap();
        let reasons: HashMap<_, _> =
            kept.iter().map(|kept| (String::from_utf8_lossy(&kept.firing.member), kept.reason.as_str())).collect();
        assert!(reasons["{\"number\": \"six\"}"].contains("invalid type"), "{reasons:?}");
        assert_eq!(reasons["{\"number\": 2}"], "there is no such account");

        // After the repair what can be read is handled, the other one is deleted.
        let (two, six): (Vec<_>, Vec<_>) = kept.into_iter().partition(|kept| kept.reason.contains("account"));
        assert_eq!((jobs.release(&two).await.unwrap(), jobs.discard(&six).await.unwrap()), (1, 1));
        scheduler.run_until_idle().await.unwrap();
        assert_eq!(sorted(&seen), [1, 2, 2, 3]);
        assert_eq!(jobs.stats().await.unwrap().quarantined, 0);
    });
}

#[test]
fn a_queue_gets_what_decodes_and_the_rest_is_quarantined() {
    on_both(|backend| async move {
        let jobs = jobs(&backend, Debounce::after(Duration::ZERO));
        let queued_before = backend.inspect(&Job::QUEUE).await.unwrap().ready;
        let text: Debouncer<Text> =
            Debouncer::new(backend.clone(), jobs.key().as_str(), Debounce::after(Duration::ZERO)).unwrap();
        text.schedule(&Text("no job".into())).await.unwrap();
        jobs.schedule(&job(1)).await.unwrap();
        let scheduler = DebounceScheduler::builder(backend.clone()).to_queue(&jobs).start().unwrap();
        scheduler.run_until_idle().await.unwrap();
        assert_eq!(backend.inspect(&Job::QUEUE).await.unwrap().ready, queued_before + 1);
        let kept = jobs.quarantined(Page::default()).await.unwrap();
        assert_eq!((kept.len(), kept[0].firing.member.as_slice()), (1, &b"\"no job\""[..]));
    });
}

#[derive(RedisTask)]
struct Text(String);

#[test]
fn popping_quarantines_what_does_not_decode_and_gives_the_rest() {
    on_both(|backend| async move {
        let policy = Debounce::after(Duration::ZERO);
        let jobs = jobs(&backend, policy);
        let text: Debouncer<Text> = Debouncer::new(backend, jobs.key().as_str(), policy).unwrap();
        jobs.schedule(&job(1)).await.unwrap();
        text.schedule(&Text("no job".into())).await.unwrap();
        jobs.schedule(&job(2)).await.unwrap();
        let popped = jobs.pop_due(10).await.unwrap();
        let mut numbers: Vec<_> = popped.iter().map(|fired| fired.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2]);
        let stats = jobs.stats().await.unwrap();
        assert_eq!((stats.pending, stats.active, stats.quarantined), (0, 0, 1));
    });
}

#[test]
fn popping_survives_lost_replies() {
    paused().block_on(async {
        let backend = MemoryBackend::new();
        let faults = Faults::new().lose_reply(Operation::ClaimFirings, 1).lose_reply(Operation::SettleFirings, 1..=2);
        let flaky = backend.with_faults(faults);
        let jobs = jobs(&flaky, Debounce::after(Duration::ZERO));
        let all: Vec<_> = (0..10).map(job).collect();
        assert!(jobs.schedule_many(&all).await.unwrap().iter().all(|answer| answer.is_new()));
        // Nobody knows what the first call has claimed; it comes back when its lease has expired.
        assert!(jobs.pop_due(100).await.is_err());
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(jobs.pop_due(100).await.unwrap().is_empty());
        assert_eq!(jobs.pop_due(100).await.unwrap().len(), 10);
        assert_eq!(jobs.pending_count().await.unwrap(), 0);
    });
}

#[test]
fn thousands_are_scheduled_and_popped_in_one_call_each() {
    on_both(|backend| async move {
        let jobs = jobs(&backend, Debounce::after(Duration::ZERO));
        let all: Vec<_> = (0..1_200).map(|number| job(number % 1_100)).collect();
        let answers = jobs.schedule_many(&all).await.unwrap();
        assert_eq!(answers.iter().filter(|answer| answer.is_new()).count(), 1_100);
        assert_eq!(jobs.pop_due(1_050).await.unwrap().len(), 1_050);
        assert_eq!(jobs.pop_due(1_050).await.unwrap().len(), 50);
    });
}

#[test]
fn an_earlier_firing_wakes_a_scheduler_that_sleeps() {
    on_both(|backend| async move {
        let (seen, jobs) = (Seen::default(), jobs(&backend, Debounce::after(Duration::from_secs(3600))));
        let scheduler = DebounceScheduler::builder(backend)
            .to_recipient(&jobs, Recipient::noting(&seen).start().recipient())
            .repoll(Duration::from_secs(3600))
            .start()
            .unwrap();
        jobs.schedule(&job(1)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let begun = tokio::time::Instant::now();
        jobs.schedule_in(&job(2), Duration::from_millis(100)).await.unwrap();
        eventually("the earlier one has fired", || async { *seen.lock().unwrap() == [2] }).await;
        // Without the wake-up it would be an hour.
        assert!(begun.elapsed() >= Duration::from_millis(99), "{:?}", begun.elapsed());
        scheduler.shutdown().await;
    });
}

#[test]
fn a_shutdown_waits_for_recipients_and_gives_back_what_does_not_end() {
    on_both(|backend| async move {
        let (seen, jobs) = (Seen::default(), jobs(&backend, Debounce::after(Duration::ZERO)));
        let busy = |busy| Recipient { busy, ..Recipient::noting(&seen) };
        let quick = scheduled(&jobs, backend.clone(), busy(Duration::from_millis(200)));
        jobs.schedule(&job(1)).await.unwrap();
        eventually("it runs", || async { *seen.lock().unwrap() == [1] }).await;
        quick.shutdown().await;
        let stats = jobs.stats().await.unwrap();
        assert_eq!((stats.pending, stats.active), (0, 0));

        let slow = DebounceScheduler::builder(backend.clone())
            .to_recipient(&jobs, busy(Duration::from_secs(3600)).start().recipient())
            .grace(Duration::from_millis(100))
            .start()
            .unwrap();
        jobs.schedule(&job(2)).await.unwrap();
        eventually("it runs", || async { *seen.lock().unwrap() == [1, 2] }).await;
        slow.shutdown().await;
        let stats = jobs.stats().await.unwrap();
        assert_eq!((stats.pending, stats.overdue, stats.active), (1, 1, 0));
        scheduled(&jobs, backend, Recipient::noting(&seen)).run_until_idle().await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [1, 2, 2]);
    });
}

#[test]
fn a_slow_recipient_keeps_its_firing_beyond_the_lease() {
    on_both(|backend| async move {
        let (seen, jobs) = (Seen::default(), jobs(&backend, Debounce::after(Duration::ZERO)));
        let schedulers: Vec<_> = (0..2)
            .map(|_| {
                let recipient = Recipient { busy: Duration::from_millis(1_500), ..Recipient::noting(&seen) };
                DebounceScheduler::builder(backend.clone())
                    .to_recipient(&jobs, recipient.start().recipient())
                    .lease(Duration::from_millis(600))
                    .heartbeat(Duration::from_millis(100))
                    .start()
                    .unwrap()
            })
            .collect();
        jobs.schedule(&job(1)).await.unwrap();
        for scheduler in schedulers {
            scheduler.run_until_idle().await.unwrap();
        }
        assert_eq!(*seen.lock().unwrap(), [1]);
    });
}

/// A recipient whose actor is gone.
#[test]
fn a_firing_outlives_a_recipient_that_is_gone() {
    on_both(|backend| async move {
        let (seen, jobs) = (Seen::default(), jobs(&backend, Debounce::after(Duration::ZERO)));
        let panics = Recipient { judge: |_, _| panic!("a planned panic"), ..Recipient::noting(&seen) };
        let first = scheduled(&jobs, backend.clone(), panics);
        jobs.schedule(&job(1)).await.unwrap();
        eventually("it was tried", || async { !seen.lock().unwrap().is_empty() }).await;
        first.shutdown().await;
        assert_eq!(jobs.pending_count().await.unwrap(), 1);
        scheduled(&jobs, backend, Recipient::noting(&seen)).run_until_idle().await.unwrap();
        assert_eq!(jobs.pending_count().await.unwrap(), 0);
    });
}

#[test]
fn a_backend_that_fails_at_every_step_costs_nothing_but_time() {
    paused().block_on(async {
        let backend = MemoryBackend::new();
        let mut faults = Faults::new();
        for operation in
            [Operation::WatchFirings, Operation::ClaimFirings, Operation::SettleFirings, Operation::RecoverFirings]
        {
            faults = faults.fail(operation, 1..=3, BackendErrorKind::Unavailable).lose_reply(operation, 4..=6);
        }
        let flaky = backend.with_faults(faults);
        let jobs = jobs(&backend, Debounce::after(SHORT));
        for number in 0..1_000 {
            jobs.schedule(&job(number)).await.unwrap();
        }
        let through = Debouncer::<Job>::new(flaky.clone(), jobs.key().as_str(), Debounce::after(SHORT)).unwrap();
        let scheduler = DebounceScheduler::builder(flaky).to_queue(&through).start().unwrap();
        scheduler.run_until_idle().await.unwrap();
        let mut numbers: Vec<_> = backend.queued_tasks::<Job>().into_iter().map(|job| job.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..1_000).collect::<Vec<_>>());
    });
}
