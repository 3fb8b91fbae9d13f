//! The handles as the Python package's classes are used: what lies in Redis is the same, byte by byte.

use std::time::{Duration, SystemTime};

use redis_ext::{
    CodecError, Debounce, Debouncer, DedupQueue, QueueName, RedisBackend, RedisTask, TaskOptions,
    debounce::CandleSticks,
};
use redis_ext_tests::RedisServer;

#[derive(Debug, Clone, PartialEq, RedisTask)]
struct Info {
    user_id: u32,
    name: String,
    score: f64,
}

fn info(user_id: u32) -> Info {
    Info { user_id, name: "Zoë".into(), score: 1e16 }
}

const MEMBER: &str = r#"{"name": "Zoë", "score": 1e+16, "user_id": 7}"#;

struct Scene {
    backend: RedisBackend,
    direct: redis::Connection,
    _server: RedisServer,
}

impl Scene {
    async fn new() -> Self {
        let server = RedisServer::start();
        let backend = RedisBackend::connect(&server.url()).await.unwrap();
        let direct = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        Self { backend, direct, _server: server }
    }

    fn zset(&mut self, key: &str) -> Vec<(String, f64)> {
        redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).arg("WITHSCORES").query(&mut self.direct).unwrap()
    }

    fn keys(&mut self) -> Vec<String> {
        redis::cmd("KEYS").arg("*").query(&mut self.direct).unwrap()
    }
}

fn unix_now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

#[tokio::test]
async fn a_debouncer_writes_what_debounce_info_task_writes_and_nothing_else() {
    let mut scene = Scene::new().await;
    let policy = Debounce::after(Duration::from_secs(60));
    let debouncer = Debouncer::new(scene.backend.clone(), "debounce", policy).unwrap();
    let before = unix_now();
    assert!(debouncer.schedule(&info(7)).await.unwrap().is_new());
    assert!(!debouncer.schedule_in(&info(7), Duration::ZERO).await.unwrap().is_new());
    let zset = scene.zset("debounce");
    assert_eq!((zset.len(), zset[0].0.as_str()), (1, MEMBER));
    assert!(zset[0].1 >= before + 59.9 && zset[0].1 <= unix_now() + 60.1, "{zset:?}");
    assert_eq!(scene.keys(), ["debounce"]);

    assert!(debouncer.is_pending(&info(7)).await.unwrap());
    assert!(debouncer.cancel(&info(7)).await.unwrap() && !debouncer.cancel(&info(7)).await.unwrap());
    debouncer.schedule_in(&info(8), Duration::ZERO).await.unwrap();
    debouncer.schedule(&info(9)).await.unwrap();
    let stats = debouncer.stats().await.unwrap();
    assert_eq!((stats.pending, stats.overdue), (2, 1));
    let popped = debouncer.pop_due(10).await.unwrap();
    assert_eq!(popped.into_iter().map(|fired| fired.into_inner()).collect::<Vec<_>>(), [info(8)]);
    assert_eq!(debouncer.pending_count().await.unwrap(), 1);
    assert_eq!(debouncer.clear().await.unwrap(), 1);
    assert!(scene.keys().is_empty(), "nothing is left behind");
}

/// A value whose JSON is as it was recorded.
struct Recorded(String);

impl RedisTask for Recorded {
    const QUEUE: QueueName = QueueName::from_static("recorded");
    const OPTIONS: TaskOptions = TaskOptions::new();

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(())
    }

    fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        String::from_utf8(payload.to_vec()).map(Self).map_err(CodecError::new)
    }
}

#[tokio::test]
async fn members_are_spelt_as_recorded_from_the_python_package() {
    let recording = include_str!("../../fixtures/python-0.8/vectors.json");
    let recording: serde_json::Value = serde_json::from_str(recording).unwrap();
    let vectors = recording["vectors"].as_array().unwrap();
    assert!(vectors.len() > 30);
    let mut scene = Scene::new().await;
    let queue = DedupQueue::new(scene.backend.clone(), "queue").unwrap();
    for vector in vectors {
        let [json, member] = ["json", "debounce"].map(|field| vector[field].as_str().unwrap());
        queue.push(&Recorded(json.to_owned())).await.unwrap();
        assert_eq!(scene.zset("queue")[0].0, member, "{json}");
        assert_eq!(queue.pop(1).await.unwrap()[0].0, member);
    }
}

#[tokio::test]
async fn scores_of_any_size_by_other_programs_are_understood() {
    let mut scene = Scene::new().await;
    let debouncer = Debouncer::<Info>::new(scene.backend.clone(), "debounce", Debounce::after(Duration::ZERO)).unwrap();
    for (score, user) in [("-inf", 1), ("-1e300", 2), ("0", 3), ("1700000000.123456789", 4), ("1e300", 5), ("inf", 6)] {
        let member = format!("{{\"name\": \"\", \"score\": 0.5, \"user_id\": {user}}}");
        redis::cmd("ZADD").arg("debounce").arg(score).arg(member).exec(&mut scene.direct).unwrap();
    }
    let peeked: Vec<_> = debouncer.peek(10).await.unwrap().iter().map(|fired| fired.user_id).collect();
    assert_eq!(peeked, [1, 2, 3, 4, 5, 6]);
    let popped: Vec<_> = debouncer.pop_due(10).await.unwrap().iter().map(|fired| fired.user_id).collect();
    assert_eq!(popped, [1, 2, 3, 4]);
    assert_eq!(debouncer.pending_count().await.unwrap(), 2);
    let queue = DedupQueue::<Info>::new(scene.backend.clone(), "debounce").unwrap();
    assert_eq!(queue.pop(10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_dedup_queue_is_a_json_task_queue() {
    let mut scene = Scene::new().await;
    let queue = DedupQueue::new(scene.backend.clone(), "queue").unwrap();
    let before = unix_now();
    assert!(queue.push(&info(7)).await.unwrap() && !queue.push(&info(7)).await.unwrap());
    let zset = scene.zset("queue");
    assert_eq!(zset[0].0, MEMBER);
    assert!(zset[0].1 >= before - 0.1 && zset[0].1 <= unix_now() + 0.1);
    queue.push(&info(8)).await.unwrap();
    assert_eq!(queue.len().await.unwrap(), 2);
    assert!(queue.contains(&info(8)).await.unwrap());
    assert_eq!(queue.peek(1).await.unwrap(), [info(7)]);
    assert!(queue.remove(&info(7)).await.unwrap());
    // A producer whose clock is ahead.
    redis::cmd("ZADD").arg("queue").arg(unix_now() + 500.0).arg(MEMBER).exec(&mut scene.direct).unwrap();
    assert_eq!(queue.pop(1).await.unwrap(), [info(8)]);
    assert_eq!(queue.pop(5).await.unwrap(), [info(7)]);
    assert!(queue.is_empty().await.unwrap() && queue.clear().await.unwrap() == 0 && scene.keys().is_empty());
}

#[tokio::test]
async fn candle_sticks_have_the_key_the_members_and_the_scores_of_candle_stick_task() {
    let mut scene = Scene::new().await;
    let candles = CandleSticks::new(scene.backend.clone(), "candlestick", Duration::from_secs(60)).unwrap();
    let at = |seconds: f64| SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds);
    assert!(candles.add("招商", at(1_700_000_039.9)).await.unwrap());
    assert!(!candles.add("招商", at(1_699_999_980.0)).await.unwrap());
    let half = candles.clone().delay(Duration::from_millis(1500));
    assert!(half.add("招商", at(1_700_000_040.0)).await.unwrap());
    let zset = scene.zset("candlestick:60");
    let member = |window| format!(r#"{{"stock": "\u62db\u5546", "window": {window}}}"#);
    assert_eq!(zset, [(member(1_699_999_980), 1_700_000_041.0), (member(1_700_000_040), 1_700_000_101.5)]);
    let popped = candles.pop_due(10).await.unwrap();
    assert_eq!(popped.iter().map(|candle| candle.window).collect::<Vec<_>>(), [1_699_999_980, 1_700_000_040]);
    assert_eq!((popped[0].stock.as_str(), candles.debouncer().pending_count().await.unwrap()), ("招商", 0));
}

#[tokio::test]
async fn what_another_program_takes_away_leaves_no_payload_for_the_next_trigger() {
    let mut scene = Scene::new().await;
    let policy = Debounce::after(Duration::from_secs(60));
    let keyed = Debouncer::new(scene.backend.clone(), "keyed", policy).unwrap().keyed_by(|info: &Info| info.user_id);
    keyed.schedule(&info(7)).await.unwrap();
    redis::cmd("ZREM").arg("keyed").arg("7").exec(&mut scene.direct).unwrap();
    keyed.schedule(&Info { name: "new".into(), ..info(7) }).await.unwrap();
    assert_eq!(keyed.peek(1).await.unwrap()[0].name, "new");
}
