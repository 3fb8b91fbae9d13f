//! What each component does with its keys, from the first command to the last; errors are collected and the rest goes on.

use std::{num::NonZeroUsize, time::Duration};

use redis_ext::{
    BackendError, BackendErrorKind, IdClass, IdTtl, QueueName, RedisBackend, TaskId,
    backend::{
        BatchId, Claim, ClaimId, Claimed, DeadLetter, DeathReason, DebounceBackend as _, DebounceKey, Due,
        EffectBackend as _, EffectKey, EffectState, FiringClaim, FiringOutcome, FiringSettlement, IdBackend as _,
        IdKey, IdOffer, IdRules, Lease, NewTask, Page, PayloadRule, Recovery, Repeat, Retention, Selection,
        SetBackend as _, SetChange, SetCursor, SetEdit, TaskBackend as _, Trigger, TriggerRules, UniqueLock, WorkerId,
    },
};
use tokio_util::sync::CancellationToken;

const TTL: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_millis(20);

/// A component at work.
pub(super) trait Workout {
    /// The section of the rules that is the component's.
    fn heading(&self) -> &'static str;

    /// The keys and channels that it may touch, as the chapter states them.
    fn patterns(&self, place: &str) -> Vec<String>;

    /// Does everything once.
    async fn run(&self, backend: &RedisBackend, place: &str) -> Vec<BackendError>;
}

/// Collects errors.
#[derive(Default)]
struct Errors(Vec<BackendError>);

impl Errors {
    fn of<T>(&mut self, answer: Result<T, BackendError>) -> Option<T> {
        answer.map_err(|error| self.0.push(error)).ok()
    }
}

pub(super) struct Tasks;

fn claim(batch: u64) -> Claim {
    Claim { batch: BatchId(batch), max: NonZeroUsize::new(8).unwrap() }
}

fn unique(entry: &str, digest: &str) -> NewTask {
    NewTask::new(entry).unique(UniqueLock { digest: digest.to_owned(), ttl: TTL })
}

impl Workout for Tasks {
    fn heading(&self) -> &'static str {
        "tasks"
    }

    fn patterns(&self, place: &str) -> Vec<String> {
        vec![format!("~{place}"), format!("~{{{place}}}:*")]
    }

    async fn run(&self, backend: &RedisBackend, place: &str) -> Vec<BackendError> {
        let queue: QueueName = place.parse().unwrap();
        let mut errors = Errors::default();
        self.work(backend, &queue, &mut errors).await;
        self.crash(backend, &queue, &mut errors).await;
        self.wait(backend, &queue, &mut errors).await;
        self.bury(backend, &queue, &mut errors).await;

        let effect = EffectKey { queue: queue.clone(), task: TaskId::random(), name: "e".to_owned() };
        if let Some(EffectState::Begun(token)) = errors.of(backend.begin_effect(&effect, TTL).await) {
            errors.of(backend.finish_effect(&effect, token, b"1", TTL).await);
            errors.of(backend.begin_effect(&effect, TTL).await);
        }
        errors.0
    }
}

impl Tasks {
    async fn joined(&self, backend: &RedisBackend, queue: &QueueName, ttl: Duration, errors: &mut Errors) -> Lease {
        let lease = Lease { queue: queue.clone(), worker: WorkerId::random() };
        errors.of(backend.join(&lease, ttl).await);
        lease
    }

    /// The usual way of tasks: enqueued, scheduled, cancelled, claimed, settled in each way.
    async fn work(&self, backend: &RedisBackend, queue: &QueueName, errors: &mut Errors) {
        let lease = self.joined(backend, queue, TTL, errors).await;
        errors.of(backend.renew(&lease, TTL).await);
        let cancelled = TaskId::random();
        errors.of(backend.cancel(queue, &[cancelled]).await);
        errors.of(backend.enqueue(queue, &[NewTask::new("1"), NewTask::new("2"), NewTask::new("3")]).await);
        let (first, second) = (unique("4", "d"), unique("5", "d"));
        errors.of(backend.enqueue(queue, std::slice::from_ref(&first)).await);
        errors.of(backend.enqueue(queue, &[second]).await);
        errors.of(backend.schedule(queue, &[NewTask::new("6")], Due::In(Duration::ZERO)).await);
        errors.of(backend.schedule(queue, &[NewTask::new("7")], Due::In(TTL)).await);
        tokio::time::sleep(SOON).await;
        errors.of(backend.promote(queue, 8).await);
        errors.of(backend.cancelled(queue, &[cancelled]).await);
        let batch = errors.of(backend.claim(&lease, claim(1)).await).unwrap_or_default();
        let mut tasks = batch.tasks.into_iter();
        let mut settlements = Vec::new();
        let mut settle = |become_of: &dyn Fn(Claimed) -> _| settlements.extend(tasks.next().map(become_of));
        settle(&|task| task.done());
        settle(&|task| task.retry(TaskId::random(), b"r".to_vec(), TTL));
        settle(&|task| task.cancelled(cancelled));
        settle(&|task| task.done().unlock("d", first.id));
        if !settlements.is_empty() {
            errors.of(backend.settle(&lease, &settlements, None).await);
            errors.of(backend.settle(&lease, &settlements, None).await);
        }
        let rest: Vec<_> = tasks.map(Claimed::release).collect();
        if !rest.is_empty() {
            errors.of(backend.settle(&lease, &rest, Some(claim(2))).await);
            errors.of(backend.claim(&lease, claim(2)).await);
        }
        errors.of(backend.inspect(queue).await);
        errors.of(backend.pause(queue).await);
        errors.of(backend.resume(queue).await);
        errors.of(backend.leave(&lease).await);
    }

    /// A worker that dies with tasks, one of them settled.
    async fn crash(&self, backend: &RedisBackend, queue: &QueueName, errors: &mut Errors) {
        let lease = self.joined(backend, queue, SOON, errors).await;
        errors.of(backend.enqueue(queue, &[NewTask::new("1"), NewTask::new("2")]).await);
        let batch = errors.of(backend.claim(&lease, claim(1)).await).unwrap_or_default();
        if let Some(task) = batch.tasks.into_iter().next() {
            errors.of(backend.settle(&lease, &[task.done()], None).await);
        }
        tokio::time::sleep(2 * SOON).await;
        errors.of(backend.recover(queue, &Recovery::default(), SOON).await);
        tokio::time::sleep(2 * SOON).await;
        errors.of(backend.recover(queue, &Recovery::default(), Duration::ZERO).await);
    }

    /// A wait that a push ends, and one that its worker ends.
    async fn wait(&self, backend: &RedisBackend, queue: &QueueName, errors: &mut Errors) {
        let lease = self.joined(backend, queue, TTL, errors).await;
        let batch = errors.of(backend.claim(&lease, claim(1)).await).unwrap_or_default();
        let done: Vec<_> = batch.tasks.into_iter().map(Claimed::done).collect();
        if !done.is_empty() {
            errors.of(backend.settle(&lease, &done, None).await);
        }
        let never = CancellationToken::new();
        let push = async {
            tokio::time::sleep(SOON).await;
            backend.enqueue(queue, &[NewTask::new("1")]).await
        };
        let (pushed, claimed) = tokio::join!(push, backend.claim_waiting(&lease, claim(2), TTL / 60, &never));
        errors.of(pushed);
        errors.of(claimed);
        let stop = CancellationToken::new();
        let end = async {
            tokio::time::sleep(SOON).await;
            stop.cancel();
        };
        let (claimed, ()) = tokio::join!(backend.claim_waiting(&lease, claim(3), TTL / 60, &stop), end);
        errors.of(claimed);
        errors.of(backend.leave(&lease).await);
    }

    async fn bury(&self, backend: &RedisBackend, queue: &QueueName, errors: &mut Errors) {
        let lease = self.joined(backend, queue, TTL, errors).await;
        errors.of(backend.enqueue(queue, &[NewTask::new("1"), NewTask::new("2"), NewTask::new("3")]).await);
        let batch = errors.of(backend.claim(&lease, claim(1)).await).unwrap_or_default();
        let letter = || DeadLetter::new(TaskId::random(), DeathReason::Fatal, vec!["e".to_owned()], b"1".to_vec());
        let dead: Vec<_> = batch.tasks.into_iter().map(|task| task.dead(letter())).collect();
        if !dead.is_empty() {
            errors.of(backend.settle(&lease, &dead, None).await);
        }
        let letters = errors.of(backend.dead_letters(queue, Page::default()).await).unwrap_or_default().letters;
        if let Some(letter) = letters.first() {
            errors.of(backend.replay(queue, &Selection::Ids(vec![letter.id])).await);
        }
        errors.of(backend.replay(queue, &Selection::All).await);
        errors.of(backend.trim_dead(queue, &Retention::default()).await);
        errors.of(backend.delete_dead(queue, &Selection::All).await);
        errors.of(backend.leave(&lease).await);
    }
}

pub(super) struct Debouncing;

impl Workout for Debouncing {
    fn heading(&self) -> &'static str {
        "debouncing"
    }

    fn patterns(&self, place: &str) -> Vec<String> {
        let queue = format!("{place}-queue");
        let keys = [format!("~{place}"), format!("~{{{place}}}:*"), format!("&{{{place}}}:wake")];
        keys.into_iter().chain([format!("~{queue}"), format!("~{{{queue}}}:*")]).collect()
    }

    async fn run(&self, backend: &RedisBackend, place: &str) -> Vec<BackendError> {
        let key = DebounceKey::new(place).unwrap();
        let queue: QueueName = format!("{place}-queue").parse().unwrap();
        let mut errors = Errors::default();
        errors.of(backend.time().await);
        let wakes = errors.of(backend.watch_firings(&key).await);

        let keep = TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::First };
        let reset = Repeat::Reset { max_wait: Some(TTL), max_count: Some(2) };
        let trailing = TriggerRules { repeat: reset, payloads: PayloadRule::accumulate(8) };
        let throttle = TriggerRules { repeat: Repeat::Throttle { quiet: SOON }, payloads: PayloadRule::First };
        let replace = TriggerRules { repeat: Repeat::Replace, payloads: PayloadRule::Last };
        let now = |member: &str| Trigger::new(member, Due::In(Duration::ZERO));
        for (rules, member) in [(keep, "k"), (trailing, "t"), (throttle, "l"), (replace, "r")] {
            for _ in 0..2 {
                errors.of(backend.trigger(&key, &[now(member).payload(*b"1")], &rules).await);
            }
        }
        errors.of(backend.trigger(&key, &["a", "b", "c", "d", "e"].map(now), &keep).await);
        errors.of(backend.trigger(&key, &[Trigger::new("later", Due::In(TTL))], &keep).await);
        errors.of(backend.due_times(&key, &[b"later".to_vec()]).await);
        errors.of(backend.peek_firings(&key, 8).await);
        errors.of(backend.cancel_firings(&key, &[b"later".to_vec()]).await);

        self.fire(backend, &key, &queue, &mut errors).await;
        self.crash(backend, &key, &mut errors).await;

        errors.of(backend.inspect_debounce(&key).await);
        errors.of(backend.quarantined(&key, Page::default()).await);
        errors.of(backend.release_quarantined(&key, &[b"b".to_vec()]).await);
        errors.of(backend.delete_quarantined(&key, &[b"b".to_vec()]).await);
        errors.of(backend.clear_firings(&key).await);
        drop(wakes);
        errors.0
    }
}

impl Debouncing {
    /// Claims what is due and settles it in each way, while a member is triggered that is active.
    async fn fire(&self, backend: &RedisBackend, key: &DebounceKey, queue: &QueueName, errors: &mut Errors) {
        let keep = TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::First };
        let id = ClaimId::random();
        let claim = FiringClaim { id, max: 64, lease: TTL, early: false };
        errors.of(backend.claim_firings(key, &claim).await);
        errors.of(backend.claim_firings(key, &claim).await);
        errors.of(backend.trigger(key, &[Trigger::new("a", Due::In(Duration::ZERO))], &keep).await);
        // It waits for the end of the run.
        let parking = FiringClaim { id: ClaimId::random(), ..claim };
        errors.of(backend.claim_firings(key, &parking).await);
        errors.of(backend.renew_firings(key, &[id], TTL).await);

        let settlement = |member: &str, outcome| FiringSettlement { member: member.into(), outcome };
        let to_queue = |task| FiringOutcome::Enqueue { queue: queue.clone(), task, retry_after: SOON };
        let settlements = [
            settlement("a", FiringOutcome::Done),
            settlement("b", FiringOutcome::Quarantine { reason: "no".to_owned() }),
            settlement("c", FiringOutcome::Return { after: None }),
            settlement("d", to_queue(unique("1", "d"))),
            settlement("e", to_queue(unique("1", "d"))),
            settlement("k", to_queue(NewTask::new("1"))),
        ];
        errors.of(backend.settle_firings(key, id, &settlements).await);
    }

    /// A scheduler that dies with a firing.
    async fn crash(&self, backend: &RedisBackend, key: &DebounceKey, errors: &mut Errors) {
        let keep = TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::First };
        let short = FiringClaim { id: ClaimId::random(), max: 64, lease: SOON, early: true };
        errors.of(backend.trigger(key, &[Trigger::new("z", Due::In(TTL)).payload(*b"1")], &keep).await);
        errors.of(backend.claim_firings(key, &short).await);
        tokio::time::sleep(2 * SOON).await;
        errors.of(backend.recover_firings(key).await);
    }
}

pub(super) struct Sets;

impl Workout for Sets {
    fn heading(&self) -> &'static str {
        "FastSet"
    }

    fn patterns(&self, place: &str) -> Vec<String> {
        vec![format!("~{place}:*")]
    }

    async fn run(&self, backend: &RedisBackend, place: &str) -> Vec<BackendError> {
        let set = place.parse().unwrap();
        let members = |numbers: std::ops::Range<usize>| numbers.map(|number| number.to_string().into_bytes()).collect();
        let apply = |remove, add| SetChange::new(SetEdit::Apply { remove: members(remove), add: members(add) });
        let mut errors = Errors::default();
        let watch = errors.of(backend.watch_set(&set).await);
        errors.of(backend.change_set(&set, &apply(0..0, 0..8)).await);
        errors.of(backend.change_set(&set, &apply(0..2, 8..9)).await);
        errors.of(backend.change_set(&set, &apply(0..600, 600..1300)).await);
        let take = SetEdit::Take { candidates: members(600..602), most: NonZeroUsize::MIN };
        errors.of(backend.change_set(&set, &SetChange::new(take)).await);
        errors.of(backend.set_state(&set, None).await);
        errors.of(backend.scan_set(&set, &SetCursor::START).await);
        errors.of(backend.copy_set(&set).await);
        errors.of(backend.set_contains(&set, &[b"1".to_vec()]).await);
        errors.of(backend.change_set(&set, &SetChange::new(SetEdit::Replace(members(0..4)))).await);
        for letter in [b"a", b"b"] {
            // More than the log keeps.
            let long = SetEdit::Apply { remove: Vec::new(), add: vec![letter.repeat(200 * 1024)] };
            errors.of(backend.change_set(&set, &SetChange::new(long)).await);
        }
        let state = errors.of(backend.set_state(&set, None).await);
        errors.of(backend.change_set(&set, &apply(0..1, 0..0)).await);
        errors.of(backend.set_state(&set, state.map(|state| state.mark)).await);
        if let Some(watch) = watch {
            // A watch that cannot be had is not the end: views ask for the version then.
            if watch.arm(None).await.is_ok() {
                errors.of(watch.confirm().await);
            }
        }
        errors.0
    }
}

pub(super) struct Ids;

impl Workout for Ids {
    fn heading(&self) -> &'static str {
        "UniqueId"
    }

    fn patterns(&self, place: &str) -> Vec<String> {
        vec![format!("~{place}:*")]
    }

    async fn run(&self, backend: &RedisBackend, place: &str) -> Vec<BackendError> {
        let class = IdClass::new(place).unwrap();
        let keys = |names: &[&str]| -> Vec<_> { names.iter().map(|name| IdKey::new(name).unwrap()).collect() };
        let fixed = IdRules { ttl: IdTtl::DEFAULT, reverse: false };
        let reverse = IdRules { ttl: IdTtl::DEFAULT, reverse: true };
        let sliding = IdRules { ttl: IdTtl::sliding(TTL).unwrap(), reverse: true };
        let forever = IdRules { ttl: IdTtl::NONE, reverse: true };
        let mut errors = Errors::default();
        for rules in [fixed, reverse, sliding, forever] {
            for _ in 0..2 {
                errors.of(backend.assign_ids(&class, &keys(&["a", "b"]), rules, 0).await);
            }
        }
        errors.of(backend.assign_ids(&class, &keys(&["c"]), forever, 0).await);
        errors.of(backend.assign_ids(&class, &keys(&["d"]), sliding, 1000).await);
        errors.of(backend.find_ids(&class, &keys(&["a", "x"])).await);
        errors.of(backend.find_keys(&class, &[1, 2]).await);
        errors.of(backend.reserve_ids(&class, 8.try_into().unwrap(), 0).await);
        let offers: Vec<_> = keys(&["a", "o"]).into_iter().map(|key| IdOffer { key, id: 9 }).collect();
        for ttl in [IdTtl::DEFAULT, IdTtl::sliding(TTL).unwrap(), IdTtl::NONE] {
            errors.of(backend.offer_ids(&class, &offers, ttl).await);
        }
        // The way back of the one class lies where the other has the ID of a key: a wrong type is told as such.
        let colliding = IdClass::compatible(format!("{place}:id")).unwrap();
        errors.of(backend.assign_ids(&colliding, &keys(&["a"]), reverse, 0).await);
        match backend.assign_ids(&class, &keys(&["keys"]), fixed, 0).await {
            Err(error) if error.kind() == BackendErrorKind::WrongType => {}
            answer => drop(errors.of(answer)),
        }
        errors.of(backend.forget_ids(&class, &keys(&["o"]), fixed).await);
        errors.of(backend.forget_ids(&class, &keys(&["a", "b"]), reverse).await);
        errors.0
    }
}
