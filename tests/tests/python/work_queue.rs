//! A list shared with Python's RedisWork: each side takes what the other pushes.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use redis_ext::{
    RedisTask as _, Workers,
    backend::{DeathReason, NewTask, Page, TaskBackend as _},
    prelude::*,
};
use redis_ext_tests::{Python, PythonProcess, RedisServer, eventually};

/// A task as both sides know it, with texts and numbers that are easily mangled.
#[derive(Debug, Clone, PartialEq, RedisTask)]
#[redis_task(queue = "mail", wire = "bare", max_attempts = 1)]
struct Mail {
    number: u32,
    to: String,
    copies: Vec<String>,
    weight: f64,
    thread: Option<u64>,
}

impl Mail {
    fn numbered(number: u32) -> Self {
        Self {
            number,
            to: format!("Zoë {number} 🚀 \"quoted\"\n"),
            copies: vec!["\u{7f}".into(), String::new()],
            weight: f64::from(number) / 8.0 + 1e15,
            thread: (number % 2 == 1).then_some(u64::MAX),
        }
    }

    fn line(&self) -> String {
        let mut json = Vec::new();
        self.encode(&mut json).unwrap();
        String::from_utf8(json).unwrap() + "\n"
    }

    /// Those that a Python worker printed.
    fn printed(output: &str) -> Vec<Self> {
        output.split_terminator('\n').map(|line| Self::decode(line.as_bytes()).unwrap()).collect()
    }
}

type Received = Arc<Mutex<Vec<Mail>>>;

/// Workers that take their time for each mail and keep it.
fn rust_workers(backend: &RedisBackend, at_once: usize, time: Duration) -> (Workers, Received) {
    let received = Received::default();
    let keeping = Arc::clone(&received);
    let workers = WorkerSupervisor::builder(backend.clone())
        .handler_fn(Concurrency::new(at_once), move |mail: Task<Mail>| {
            let received = Arc::clone(&keeping);
            async move {
                tokio::time::sleep(time).await;
                received.lock().unwrap().push(mail.into_inner());
                Ok(())
            }
        })
        .start()
        .unwrap();
    (workers, received)
}

fn python_worker(server: &RedisServer, at_once: usize) -> PythonProcess {
    Python::script("work").arg(server.url()).arg("mail").arg(at_once.to_string()).start()
}

/// Tells the one Python worker of the queue to end.
async fn end_python_worker(backend: &RedisBackend) {
    backend.enqueue(&Mail::QUEUE, &[NewTask::new("null")]).await.unwrap();
}

fn on_a_server<F: Future<Output = ()>>(test: impl FnOnce(RedisServer, RedisBackend) -> F) {
    let server = RedisServer::start();
    actix::System::new().block_on(async {
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        test(server, backend).await;
    });
}

#[test]
fn what_python_pushes_is_worked_off_as_it_is() {
    on_a_server(|server, backend| async move {
        let (workers, received) = rust_workers(&backend, 1, Duration::ZERO);
        let mails: Vec<_> = (0..500).map(Mail::numbered).collect();
        let strange = "{\"to\": [\"of another form\"]}\n";
        let input = mails.iter().map(Mail::line).chain([strange.to_owned()]).collect::<String>();
        let push = Python::script("push").arg(server.url()).arg("mail").stdin(input);
        let output = tokio::task::spawn_blocking(|| push.run()).await.unwrap();
        assert_eq!(output, "");
        workers.run_until_idle().await.unwrap();

        assert_eq!(*received.lock().unwrap(), mails, "each came once and in order");
        let letters = backend.dead_letters(&Mail::QUEUE, Page::default().limit(10)).await.unwrap().letters;
        let [letter] = &letters[..] else { panic!("one entry was no mail: {letters:?}") };
        assert_eq!(letter.reason, DeathReason::Undecodable);
        assert_eq!(letter.entry, strange.trim_end().as_bytes(), "it is kept as Python wrote it");
    });
}

#[test]
fn bare_tasks_are_worked_off_by_python() {
    on_a_server(|server, backend| async move {
        let python = python_worker(&server, 1);
        let mails: Vec<_> = (0..500).map(Mail::numbered).collect();
        Mail::enqueue_many(&backend, mails.clone()).await.unwrap();
        end_python_worker(&backend).await;
        let output = tokio::task::spawn_blocking(|| python.finish()).await.unwrap();
        assert_eq!(Mail::printed(&output), mails, "each came once and in order");
    });
}

#[test]
fn workers_of_both_kinds_share_a_queue() {
    on_a_server(|server, backend| async move {
        let mut python = python_worker(&server, 4);
        Mail::numbered(0).enqueue(&backend).await.unwrap();
        let (python, first) = tokio::task::spawn_blocking(move || {
            let first = python.line();
            (python, first)
        })
        .await
        .unwrap();
        // From here on the Python worker takes part; what it prints is read as it comes.
        let reading = thread::spawn(|| python.finish());

        let (workers, received) = rust_workers(&backend, 4, Duration::from_millis(1));
        Mail::enqueue_many(&backend, (1..2_000).map(Mail::numbered)).await.unwrap();
        eventually("all mails are taken and done with", || async {
            let stats = backend.inspect(&Mail::QUEUE).await.unwrap();
            (stats.ready, stats.claimed) == (0, 0)
        })
        .await;
        workers.shutdown().await.unwrap();
        end_python_worker(&backend).await;
        let output = tokio::task::spawn_blocking(|| reading.join().unwrap()).await.unwrap();

        let by_rust = received.lock().unwrap().clone();
        let by_python = Mail::printed(&output);
        assert!(!by_rust.is_empty() && !by_python.is_empty(), "{} and {}", by_rust.len(), by_python.len());
        let mut all = [by_rust, by_python, Mail::printed(&first)].concat();
        all.sort_by_key(|mail| mail.number);
        assert_eq!(all, (0..2_000).map(Mail::numbered).collect::<Vec<_>>(), "each was taken by one of them");
    });
}
