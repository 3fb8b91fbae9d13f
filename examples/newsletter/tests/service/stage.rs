//! The service as the tests have it: in memory, with a clock that they move, and a post that does as it is told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{
    App,
    body::to_bytes,
    dev::{Service as _, ServiceResponse},
    http::Method,
    test::{TestRequest, init_service},
    web,
};
use async_trait::async_trait;
use redis_ext::Backend;
use redis_ext_memory::{Faults, MemoryBackend};
use redis_ext_newsletter::{DeliveryError, Issues, Mail, Newsletter, Post, Subscribers, http, tasks::Background};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{pause, sleep};

pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// What a mailbox answers, one after the other; then it takes mails.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Bounce,
    Defer,
    /// Takes so long to take it.
    Slow(Duration),
}

/// A post that remembers what it took, by mailbox.
#[derive(Default)]
pub(crate) struct TestPost {
    answers: Mutex<HashMap<String, Vec<Answer>>>,
    begun: Mutex<Vec<String>>,
    taken: Mutex<Vec<String>>,
}

impl TestPost {
    /// The mailbox gives these answers before it takes anything.
    pub(crate) fn answer(&self, mailbox: &str, answers: &[Answer]) {
        self.answers.lock().unwrap().insert(mailbox.to_owned(), answers.iter().rev().copied().collect());
    }

    /// How many deliveries were begun.
    pub(crate) fn begun(&self) -> usize {
        self.begun.lock().unwrap().len()
    }

    /// The mails that were taken, by name, in order.
    pub(crate) fn taken(&self) -> Vec<String> {
        let mut taken = self.taken.lock().unwrap().clone();
        taken.sort();
        taken
    }
}

#[async_trait]
impl Post for TestPost {
    async fn deliver(&self, mail: &Mail) -> Result<(), DeliveryError> {
        self.begun.lock().unwrap().push(mail.name.clone());
        let answer = self.answers.lock().unwrap().get_mut(mail.to.mailbox()).and_then(Vec::pop);
        match answer {
            Some(Answer::Bounce) => return Err(DeliveryError::Bounced(mail.to.clone())),
            Some(Answer::Defer) => {
                return Err(DeliveryError::Deferred { code: 451, to: mail.to.clone(), why: "try again later" });
            }
            Some(Answer::Slow(time)) => sleep(time).await,
            None => {}
        }
        self.taken.lock().unwrap().push(mail.name.clone());
        Ok(())
    }
}

/// The parts, without a web server and workers.
pub(crate) struct Stage {
    pub(crate) backend: MemoryBackend,
    pub(crate) newsletter: Arc<Newsletter>,
    pub(crate) post: Arc<TestPost>,
    _directory: TempDir,
}

impl Stage {
    /// With the clock paused: it moves when everybody waits for it.
    pub(crate) async fn new() -> Self {
        Self::with_faults(Faults::new()).await
    }

    /// The same, with a backend that fails as planned.
    pub(crate) async fn with_faults(faults: Faults) -> Self {
        pause();
        let directory = tempfile::tempdir().unwrap();
        let (backend, post) = (MemoryBackend::new(), Arc::new(TestPost::default()));
        let shared = Arc::new(backend.with_faults(faults)) as Arc<dyn Backend>;
        let newsletter = Arc::new(Newsletter {
            subscribers: Subscribers::open(&shared).await.unwrap(),
            issues: Issues::open(directory.path()).await.unwrap(),
            post: Arc::clone(&post) as Arc<dyn Post>,
            backend: shared,
        });
        Self { backend, newsletter, post, _directory: directory }
    }

    /// Starts workers and a scheduler, as a process does.
    pub(crate) fn background(&self) -> Background {
        Background::start(&self.newsletter, GRACE).unwrap()
    }

    /// Makes a request: the status and the answer, which is a text where it is not JSON.
    pub(crate) async fn request(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let data = web::Data::from(Arc::clone(&self.newsletter));
        let app = init_service(App::new().app_data(data).configure(http::routes)).await;
        let request = TestRequest::default().method(method).uri(path);
        let request = if body.is_null() { request } else { request.set_json(body) };
        let answer: ServiceResponse = app.call(request.to_request()).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body()).await.unwrap();
        let text = || Value::from(String::from_utf8_lossy(&body).into_owned());
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| text()))
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.request(Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.request(Method::PUT, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.request(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.request(Method::DELETE, path, Value::Null).await
    }

    /// Subscribes `mailbox@example.org`.
    pub(crate) async fn subscribe(&self, mailbox: &str) -> (u16, Value) {
        self.post("/subscriptions", json!({ "email": format!("{mailbox}@example.org") })).await
    }

    /// Saves a draft.
    pub(crate) async fn save(&self, slug: &str, text: &str) -> (u16, Value) {
        self.put(&format!("/issues/{slug}"), json!({ "subject": "News", "text": text })).await
    }
}
