//! Both backends, given the same random operations, must answer alike: what one of them is found to do is what both do.
//!
//! Times are fixed ones of the past, in one order, or far in the future, and leases expire at once or not at all, so that
//! nothing depends on how fast the operations follow each other.

use std::time::Duration;

use redis_ext::{
    QueueName, RedisBackend, TaskId, Timestamp,
    backend::{
        Backend, ClaimId, DebounceKey, Due, Firing, FiringClaim, FiringOutcome, FiringSettlement, MAX_BATCH, NewTask,
        Page, PayloadRule, Repeat, Trigger, TriggerRules, Triggered, UniqueLock,
    },
};
use redis_ext_memory::MemoryBackend;
use redis_ext_tests::RedisServer;

const MEMBERS: [&str; 4] = ["a", "b", "c", "d"];
const FOREVER: Duration = Duration::from_secs(3600);
/// 2200-01-01.
const FAR: u64 = 7_258_118_400_000;
const STEPS: usize = 80;

/// How many sequences: few in CI, many with `REDIS_EXT_ROUNDS=20`.
fn sequences() -> u64 {
    let rounds: u64 = std::env::var("REDIS_EXT_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    rounds * 20
}

#[derive(Debug, Clone)]
enum Step {
    Trigger(Vec<Trigger>, TriggerRules),
    DueTimes,
    Cancel(Vec<Vec<u8>>),
    Claim(FiringClaim),
    Settle(ClaimId, Vec<FiringSettlement>),
    Renew(Vec<ClaimId>),
    Recover,
    Peek,
    Quarantined,
    Release(Vec<Vec<u8>>),
    Delete(Vec<Vec<u8>>),
    Clear,
}

struct Dice {
    random: fastrand::Rng,
    claims: Vec<ClaimId>,
    queue: QueueName,
    /// Those of the whole sequence, but for replacements.
    rules: TriggerRules,
    step: u64,
}

impl Dice {
    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.random.usize(..from.len())].clone()
    }

    fn member(&mut self) -> Vec<u8> {
        self.pick(&MEMBERS).into()
    }

    fn some<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.random.usize(0..4)).map(|_| make(self)).collect()
    }

    fn due(&mut self) -> Due {
        self.step += 1;
        let at = if self.random.u8(..3) == 0 { FAR + self.step } else { 1_000 + self.step };
        Due::At(Timestamp::from_millis(at))
    }

    fn trigger(&mut self) -> Trigger {
        let trigger = Trigger::new(self.member(), self.due());
        if self.random.bool() { trigger.payload(format!("p{};", self.step)) } else { trigger }
    }

    fn rules(&mut self) -> TriggerRules {
        let repeat = if self.random.u8(..8) == 0 { Repeat::Replace } else { self.rules.repeat };
        TriggerRules { repeat, ..self.rules }
    }

    fn claim(&mut self) -> ClaimId {
        if self.claims.is_empty() || self.random.u8(..8) == 0 {
            ClaimId::random()
        } else {
            self.pick(&self.claims.clone())
        }
    }

    fn outcome(&mut self) -> FiringOutcome {
        match self.random.u8(..6) {
            0 => FiringOutcome::Quarantine { reason: format!("reason {}", self.step) },
            1 => FiringOutcome::Return { after: None },
            2 => FiringOutcome::Return { after: Some(FOREVER) },
            3 | 4 => {
                let mut task = NewTask::new(self.step.to_string());
                if self.random.bool() {
                    task = task.unique(UniqueLock { digest: self.pick(&["x", "y"]).to_owned(), ttl: FOREVER });
                }
                FiringOutcome::Enqueue { queue: self.queue.clone(), task, retry_after: FOREVER }
            }
            _ => FiringOutcome::Done,
        }
    }

    fn throw(&mut self) -> Step {
        self.step += 1;
        match self.random.u8(..24) {
            0..=7 => Step::Trigger(self.some(Self::trigger), self.rules()),
            8 => Step::DueTimes,
            9 => Step::Cancel(self.some(Self::member)),
            10..=13 => {
                let lease = if self.random.u8(..3) == 0 { Duration::ZERO } else { FOREVER };
                let id = if self.random.u8(..4) == 0 { self.claim() } else { ClaimId::random() };
                self.claims.push(id);
                Step::Claim(FiringClaim { id, max: MAX_BATCH, lease, early: self.random.u8(..6) == 0 })
            }
            14..=17 => {
                let claim = self.claim();
                let settlement = |dice: &mut Self| FiringSettlement { member: dice.member(), outcome: dice.outcome() };
                Step::Settle(claim, self.some(settlement))
            }
            18 => Step::Renew(self.some(Self::claim)),
            19 => Step::Recover,
            20 => Step::Peek,
            21 => Step::Quarantined,
            22 => {
                if self.random.bool() {
                    Step::Release(self.some(Self::member))
                } else {
                    Step::Delete(self.some(Self::member))
                }
            }
            _ => {
                if self.random.u8(..4) == 0 {
                    Step::Clear
                } else {
                    Step::Recover
                }
            }
        }
    }
}

fn any_rules(random: &mut fastrand::Rng) -> TriggerRules {
    let repeats = [
        Repeat::Keep,
        Repeat::Reset { max_wait: None, max_count: None },
        Repeat::Reset { max_wait: None, max_count: Some(3) },
        Repeat::Reset { max_wait: Some(FOREVER), max_count: None },
        Repeat::Throttle { quiet: FOREVER },
    ];
    let accumulate = PayloadRule::Accumulate { max_count: 3, max_bytes: 10_000 };
    let payloads = [PayloadRule::First, PayloadRule::Last, accumulate];
    TriggerRules { repeat: repeats[random.usize(..repeats.len())], payloads: payloads[random.usize(..3)] }
}

/// A due time as far as it is the same everywhere: one that was asked for, one that came at once, or one of the future.
fn when(time: Timestamp) -> String {
    match time.as_millis() {
        at if !(1_000_000..FAR).contains(&at) => at.to_string(),
        at if Timestamp::from_millis(at) <= std::time::SystemTime::now().into() => "at once".to_owned(),
        _ => "later".to_owned(),
    }
}

fn firings(firings: &[Firing]) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut all: Vec<_> = firings
        .iter()
        .map(|firing| {
            let payloads: String = firing.payloads.iter().map(|payload| text(payload)).collect();
            format!("{} {} {payloads}", text(&firing.member), when(firing.due))
        })
        .collect();
    // Of those due at the same moment, each clock has its own order.
    all.sort();
    all
}

fn triggered(answer: &Triggered) -> String {
    match *answer {
        Triggered::New { due } => format!("new {}", when(due)),
        Triggered::Joined { due } => format!("joined {}", when(due)),
        Triggered::Moved { due } => format!("moved {}", when(due)),
        Triggered::Throttled { until } => format!("throttled {}", when(until)),
        Triggered::Full { due } => format!("full {}", when(due)),
        _ => "unknown".to_owned(),
    }
}

/// Takes a step, and tells what the backend answers and what it holds then.
async fn take(backend: &dyn Backend, key: &DebounceKey, queue: &QueueName, step: &Step) -> String {
    let answer = match step {
        Step::Trigger(triggers, rules) => {
            let answers = backend.trigger(key, triggers, rules).await.unwrap();
            format!("{:?}", answers.iter().map(triggered).collect::<Vec<_>>())
        }
        Step::DueTimes => {
            let members: Vec<Vec<u8>> = MEMBERS.iter().map(|&member| member.into()).collect();
            let dues = backend.due_times(key, &members).await.unwrap();
            format!("{:?}", dues.into_iter().map(|due| due.map(when)).collect::<Vec<_>>())
        }
        Step::Cancel(members) => format!("{:?}", backend.cancel_firings(key, members).await.unwrap()),
        Step::Claim(claim) => {
            let claimed = backend.claim_firings(key, claim).await.unwrap();
            format!("{:?} {} {}", firings(&claimed.firings), claimed.next_due.is_some(), claimed.any_expired)
        }
        Step::Settle(claim, settlements) => {
            format!("{:?}", backend.settle_firings(key, *claim, settlements).await.unwrap())
        }
        Step::Renew(claims) => format!("{:?}", backend.renew_firings(key, claims, FOREVER).await.unwrap()),
        Step::Recover => format!("{}", backend.recover_firings(key).await.unwrap().returned),
        Step::Peek => format!("{:?}", firings(&backend.peek_firings(key, 100).await.unwrap())),
        Step::Quarantined => {
            let kept = backend.quarantined(key, Page::default()).await.unwrap();
            let mut kept: Vec<_> =
                kept.iter().map(|kept| (firings(std::slice::from_ref(&kept.firing)), kept.reason.clone())).collect();
            kept.sort();
            format!("{kept:?}")
        }
        Step::Release(members) => format!("{}", backend.release_quarantined(key, members).await.unwrap()),
        Step::Delete(members) => format!("{}", backend.delete_quarantined(key, members).await.unwrap()),
        Step::Clear => format!("{}", backend.clear_firings(key).await.unwrap()),
    };
    let stats = backend.inspect_debounce(key).await.unwrap();
    let ready = backend.inspect(queue).await.unwrap().ready;
    format!(
        "{answer}; pending {}, active {}, quarantined {}, ready {ready}",
        stats.pending, stats.active, stats.quarantined
    )
}

#[tokio::test]
async fn both_backends_answer_alike() {
    let redis = RedisBackend::connect(&RedisServer::shared().url()).await.unwrap();
    let seed = std::env::var("REDIS_EXT_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let seeds = match seed {
        Some(seed) => seed..seed + 1,
        None => {
            let first = fastrand::u64(..u64::MAX / 2);
            first..first + sequences()
        }
    };
    for seed in seeds {
        let memory = MemoryBackend::new();
        let queue = QueueName::new(format!("alike-{}", TaskId::random())).unwrap();
        let key = DebounceKey::of_queue(&queue);
        let mut random = fastrand::Rng::with_seed(seed);
        let rules = any_rules(&mut random);
        let mut dice = Dice { random, claims: Vec::new(), queue: queue.clone(), rules, step: 0 };
        let mut taken = Vec::new();
        for _ in 0..STEPS {
            let step = dice.throw();
            let (ours, theirs) = (take(&memory, &key, &queue, &step).await, take(&redis, &key, &queue, &step).await);
            taken.push(format!("{step:?}\n    -> {ours}"));
            assert_eq!(
                ours,
                theirs,
                "memory and Redis differ; REDIS_EXT_SEED={seed} repeats it:\n{}",
                taken.join("\n")
            );
        }
    }
}
