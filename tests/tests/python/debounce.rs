//! Keys shared with Python's DebounceInfoTask, JsonTaskQueue and CandleStickTask: each side sees and takes what the other
//! adds.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use redis_ext::{
    Debounce, Debouncer, DedupQueue, Fired,
    debounce::{CandleStick, CandleSticks},
    prelude::*,
};
use redis_ext_tests::{Python, PythonProcess, RedisServer};

/// Content whose spelling is easily mangled.
#[derive(Debug, Clone, PartialEq, RedisTask)]
struct Info {
    user_id: u64,
    name: String,
    score: f64,
    tags: Vec<String>,
    parent: Option<Box<Parent>>,
}

#[derive(Debug, Clone, PartialEq, redis_ext::serde::Serialize, redis_ext::serde::Deserialize)]
#[serde(crate = "redis_ext::serde")]
struct Parent {
    z: i64,
    a: f64,
}

impl Info {
    fn numbered(number: u64) -> Self {
        Self {
            user_id: number,
            name: format!("Zoë {number} 🚀 \"quoted\"\n\u{7f}"),
            score: [1e16, 1e-7, 0.1, -0.0, 123_456_789.123][usize::try_from(number).unwrap() % 5],
            tags: vec!["招商".into(), String::new()],
            parent: (number % 2 == 1).then(|| Box::new(Parent { z: -7, a: 1e22 })),
        }
    }

    fn json(&self) -> String {
        let mut json = Vec::new();
        self.encode(&mut json).unwrap();
        String::from_utf8(json).unwrap()
    }
}

/// One object of the Python package.
struct Object(PythonProcess);

impl Object {
    fn new(server: &RedisServer, class: &str, arguments: &str) -> Self {
        Self(Python::script("call").arg(server.url()).arg(class).arg(arguments).start())
    }

    /// Calls a method with arguments in JSON; the answer is JSON.
    fn call(&mut self, method: &str, arguments: &[&str]) -> String {
        let values: Vec<_> =
            std::iter::once(format!("{method:?}")).chain(arguments.iter().map(ToString::to_string)).collect();
        self.0.say(&format!("[{}]", values.join(",")));
        self.0.line()
    }

    fn infos(&mut self, method: &str, arguments: &[&str]) -> Vec<Info> {
        redis_ext::Burst::<Info>::decode(self.call(method, arguments).as_bytes()).unwrap().0
    }
}

async fn connect(server: &RedisServer) -> RedisBackend {
    RedisBackend::connect(&server.url()).await.unwrap()
}

fn debouncer(backend: &RedisBackend, delay: Duration) -> Debouncer<Info> {
    Debouncer::new(backend.clone(), "debounce", Debounce::after(delay)).unwrap()
}

const COUNT: u64 = 20;

struct Collector(Arc<Mutex<Vec<Info>>>);

impl Actor for Collector {
    type Context = Context<Self>;
}

impl Handler<Fired<Info>> for Collector {
    type Result = Result<(), TaskError>;

    fn handle(&mut self, fired: Fired<Info>, _: &mut Context<Self>) -> Self::Result {
        self.0.lock().unwrap().push(fired.into_inner());
        Ok(())
    }
}

#[test]
fn a_rust_scheduler_dispatches_what_a_python_producer_adds() {
    actix::System::new().block_on(async {
        let server = RedisServer::start();
        let backend = connect(&server).await;
        let collected = Arc::default();
        let infos = debouncer(&backend, Duration::from_secs(60));
        let scheduler = DebounceScheduler::builder(backend)
            .to_recipient(&infos, Collector(Arc::clone(&collected)).start().recipient())
            .start()
            .unwrap();
        let added = server.url();
        // Python blocks its thread, and the scheduler is to work meanwhile.
        tokio::task::spawn_blocking(move || {
            let arguments = r#"[["debounce"], {"delay_seconds": 0.2}]"#;
            let mut python = Object(Python::script("call").arg(added).arg("DebounceInfoTask").arg(arguments).start());
            for number in 0..COUNT {
                assert_eq!(python.call("add_task", &[&Info::numbered(number).json()]), "true");
                assert_eq!(python.call("add_task", &[&Info::numbered(number).json(), "0"]), "false");
            }
        })
        .await
        .unwrap();
        scheduler.run_until_idle().await.unwrap();
        let mut collected = collected.lock().unwrap().clone();
        collected.sort_by_key(|info| info.user_id);
        assert_eq!(collected, (0..COUNT).map(Info::numbered).collect::<Vec<_>>());
    });
}

#[tokio::test]
async fn python_pops_what_rust_schedules() {
    let server = RedisServer::start();
    let infos = debouncer(&connect(&server).await, Duration::ZERO);
    for number in 0..COUNT {
        infos.schedule(&Info::numbered(number)).await.unwrap();
    }
    infos.schedule_in(&Info::numbered(99), Duration::from_secs(60)).await.unwrap();
    let mut python = Object::new(&server, "DebounceInfoTask", r#"[["debounce"], {}]"#);
    assert_eq!(python.infos("pop_tasks", &["100"]), (0..COUNT).map(Info::numbered).collect::<Vec<_>>());
    assert_eq!(python.call("get_pending_count", &[]), "1");
    assert_eq!(infos.pending_count().await.unwrap(), 1);
}

#[tokio::test]
async fn both_sides_agree_on_what_is_pending() {
    let server = RedisServer::start();
    let infos = debouncer(&connect(&server).await, Duration::from_secs(60));
    let mut python = Object::new(&server, "DebounceInfoTask", r#"[["debounce"], {"delay_seconds": 60}]"#);
    let (ours, theirs) = (Info::numbered(1), Info::numbered(2));
    assert!(infos.schedule(&ours).await.unwrap().is_new());
    assert_eq!(python.call("add_task", &[&theirs.json()]), "true");

    assert_eq!(python.call("add_task", &[&ours.json()]), "false");
    assert!(!infos.schedule(&theirs).await.unwrap().is_new());
    assert!(infos.is_pending(&theirs).await.unwrap() && !infos.is_pending(&Info::numbered(3)).await.unwrap());
    assert_eq!(python.call("has_task", &[&ours.json()]), "true");
    assert_eq!(python.call("has_task", &[&Info::numbered(3).json()]), "false");

    infos.schedule_in(&Info::numbered(4), Duration::ZERO).await.unwrap();
    assert_eq!(python.call("get_info", &[]), r#"{"remain_cnt": 3, "overtime_cnt": 1}"#);
    let stats = infos.stats().await.unwrap();
    assert_eq!((stats.pending, stats.overdue), (3, 1));

    assert!(infos.cancel(&theirs).await.unwrap());
    assert_eq!(python.call("has_task", &[&theirs.json()]), "false");
    assert_eq!(python.call("remove_task", &[&ours.json()]), "true");
    assert!(!infos.is_pending(&ours).await.unwrap());
    assert_eq!(python.call("clear", &[]), "null");
    assert_eq!(infos.pending_count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_dedup_queue_and_a_json_task_queue_are_one() {
    let server = RedisServer::start();
    let queue = DedupQueue::<Info>::new(connect(&server).await, "queue").unwrap();
    let mut python = Object::new(&server, "JsonTaskQueue", r#"[["queue"], {}]"#);
    let [a, b, c, d] = [1, 2, 3, 4].map(Info::numbered);
    assert!(queue.push(&a).await.unwrap());
    assert_eq!(python.call("push", &[&b.json()]), "true");
    assert!(queue.push(&c).await.unwrap());
    assert_eq!(python.call("push", &[&d.json()]), "true");
    assert_eq!(python.call("push", &[&a.json()]), "false");
    assert!(!queue.push(&b).await.unwrap() && queue.contains(&b).await.unwrap());
    assert_eq!(python.call("__len__", &[]), "4");
    assert_eq!(python.infos("peek", &["2"]), queue.peek(2).await.unwrap());
    assert_eq!(queue.pop(1).await.unwrap(), [a]);
    assert_eq!(python.infos("pop", &["2"]), [b, c]);
    assert!(queue.remove(&d).await.unwrap() && queue.is_empty().await.unwrap());
}

#[tokio::test]
async fn candle_sticks_of_both_sides_are_the_same_windows() {
    let server = RedisServer::start();
    let candles = CandleSticks::new(connect(&server).await, "candlestick", Duration::from_secs(60)).unwrap();
    let mut python = Object::new(&server, "CandleStickTask", r#"[[60], {}]"#);
    let at = |seconds: f64| SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds);
    assert!(candles.add("招商", at(1_700_000_039.9)).await.unwrap());
    assert_eq!(python.call("add_task", &["\"招商\"", "1699999981"]), "false");
    assert_eq!(python.call("add_task", &["\"招商\"", "1700000040.5"]), "true");
    assert!(!candles.add("招商", at(1_700_000_099.0)).await.unwrap());
    assert_eq!(python.call("get_pending_count", &[]), "2");
    assert_eq!(candles.pop_due(1).await.unwrap(), [CandleStick { stock: "招商".into(), window: 1_699_999_980 }]);
    assert_eq!(python.call("pop_tasks", &["10"]), r#"[{"stock": "招商", "window": 1700000040, "period": 60}]"#);
}
