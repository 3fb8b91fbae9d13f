//! The transitions of the debounce role, for the table in `transitions`.

use std::time::Duration;

use redis_ext::backend::{
    ClaimId, DebounceBackend as _, DebounceKey, Due, Firing, FiringClaim, FiringOutcome, FiringSettled,
    FiringSettlement, NewTask, Page, PayloadRule, Repeat, TaskBackend as _, Trigger, TriggerRules, UniqueLock,
};

use crate::stage::{QUEUE, Stage, TTL};

const NOW: Due = Due::In(Duration::ZERO);
const KEEP: TriggerRules = TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::First };
const ALL: TriggerRules =
    TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::Accumulate { max_count: 10, max_bytes: 1_000 } };

fn key() -> DebounceKey {
    DebounceKey::new("d").unwrap()
}

fn triggers(members: &[&str]) -> Vec<Trigger> {
    members.iter().map(|member| Trigger::new(*member, NOW)).collect()
}

fn bytes(members: &[&str]) -> Vec<Vec<u8>> {
    members.iter().map(|member| member.as_bytes().to_vec()).collect()
}

fn names(firings: &[Firing]) -> String {
    firings.iter().map(|firing| String::from_utf8_lossy(&firing.member)).collect::<Vec<_>>().join(" ")
}

async fn pending(stage: &Stage, members: &[&str]) {
    stage.backend.trigger(&key(), &triggers(members), &KEEP).await.unwrap();
}

fn claim() -> FiringClaim {
    FiringClaim { id: ClaimId::random(), max: 10, lease: TTL, early: false }
}

async fn claimed(stage: &Stage, members: &[&str]) -> ClaimId {
    pending(stage, members).await;
    let claim = claim();
    assert_eq!(stage.backend.claim_firings(&key(), &claim).await.unwrap().firings.len(), members.len());
    claim.id
}

impl Stage {
    /// What the server holds of the debouncer, found without the backend.
    fn found_firings(&self) -> String {
        let mut places = Vec::new();
        for (place, command, key) in [
            ("pending", "ZRANGE", "d"),
            ("parked", "ZRANGE", "{d}:parked"),
            ("active", "HKEYS", "{d}:active"),
            ("quiet", "ZRANGE", "{d}:quiet"),
            ("quarantined", "ZRANGE", "{d}:quarantine"),
            ("ready", "LRANGE", "q"),
        ] {
            let range: &[&str] = if command == "HKEYS" { &[key] } else { &[key, "0", "-1"] };
            let mut members: Vec<String> = self.ask(command, range);
            // A task that came out of a firing stands in an envelope.
            if place != "ready" {
                members.sort();
            }
            if !members.is_empty() {
                places.push(format!("{place} {}", members.join(" ")));
            }
        }
        places.join(" | ")
    }

    /// Compares what the server holds, and then lets all claims expire: whatever they held must be pending again.
    async fn holds_firings(&self, expected: &str) {
        assert_eq!(self.found_firings(), expected, "{}", self.scene());
        let kept: Vec<String> = self.ask("HKEYS", &["{d}:quarantine:records"]);
        assert_eq!(kept.len(), self.ask::<usize>("ZCARD", &["{d}:quarantine"]), "{}", self.scene());
        for claim in self.ask::<Vec<String>>("ZRANGE", &["{d}:claims", "0", "-1"]) {
            self.ask::<()>("ZADD", &["{d}:claims", "1", claim.as_str()]);
        }
        while self.backend.recover_firings(&key()).await.unwrap().more {}
        let active: Vec<String> = self.ask("HKEYS", &["{d}:active"]);
        let claims: Vec<String> = self.ask("KEYS", &["{d}:claims*"]);
        assert!(active.is_empty() && claims.is_empty(), "{}: {active:?} {claims:?}", self.scene());
        let count = |found: &str| {
            let places = found.split(" | ").filter(|place| !place.starts_with("quiet"));
            places.flat_map(|place| place.split(' ').skip(1)).count()
        };
        assert_eq!(count(&self.found_firings()), count(expected), "{}", self.scene());
    }
}

pub(crate) async fn trigger(stage: &Stage) {
    let both = triggers(&["a", "b"]);
    let _answers = stage.drive(async || stage.backend.trigger(&key(), &both, &KEEP).await).await;
    stage.holds_firings("pending a b").await;
}

pub(crate) async fn trigger_throttled(stage: &Stage) {
    let rules = TriggerRules { repeat: Repeat::Throttle { quiet: TTL }, ..KEEP };
    let one = triggers(&["a"]);
    let _answers = stage.drive(async || stage.backend.trigger(&key(), &one, &rules).await).await;
    stage.holds_firings("pending a | quiet a").await;
}

pub(crate) async fn trigger_reset(stage: &Stage) {
    pending(stage, &["a"]).await;
    let repeat = Repeat::Reset { max_wait: Some(TTL), max_count: Some(10) };
    let later = [Trigger::new("a", Due::In(TTL))];
    let rules = TriggerRules { repeat, ..KEEP };
    let answers = stage.drive(async || stage.backend.trigger(&key(), &later, &rules).await).await;
    assert_eq!(stage.backend.due_times(&key(), &bytes(&["a"])).await.unwrap(), [answers[0].due()]);
    stage.holds_firings("pending a").await;
}

pub(crate) async fn trigger_accumulating(stage: &Stage) {
    stage.backend.trigger(&key(), &[Trigger::new("a", NOW).payload("1")], &ALL).await.unwrap();
    let second = [Trigger::new("a", NOW).payload("2")];
    let _answers = stage.drive(async || stage.backend.trigger(&key(), &second, &ALL).await).await;
    let peeked = stage.backend.peek_firings(&key(), 10).await.unwrap();
    assert_eq!(peeked[0].payloads, [b"1", b"2"], "{}", stage.scene());
    stage.holds_firings("pending a").await;
}

pub(crate) async fn due_times(stage: &Stage) {
    pending(stage, &["a"]).await;
    let both = bytes(&["b", "a"]);
    let dues = stage.drive(async || stage.backend.due_times(&key(), &both).await).await;
    assert!(dues[0].is_none() && dues[1].is_some());
    stage.holds_firings("pending a").await;
}

pub(crate) async fn cancel_firings(stage: &Stage) {
    pending(stage, &["a", "b"]).await;
    let one = bytes(&["a"]);
    let _answers = stage.drive(async || stage.backend.cancel_firings(&key(), &one).await).await;
    stage.holds_firings("pending b").await;
}

pub(crate) async fn claim_firings(stage: &Stage) {
    let _running = claimed(stage, &["a"]).await;
    pending(stage, &["a", "b", "c"]).await;
    let claim = claim();
    let claimed = stage.drive(async || stage.backend.claim_firings(&key(), &claim).await).await;
    assert_eq!(names(&claimed.firings), "b c", "{}", stage.scene());
    // Of the first, one more run is due: the two become one when the claims expire.
    assert_eq!(stage.found_firings(), "parked a | active a b c", "{}", stage.scene());
    stage.backend.cancel_firings(&key(), &bytes(&["a"])).await.unwrap();
    stage.holds_firings("active a b c").await;
}

pub(crate) async fn renew_firings(stage: &Stage) {
    let claims = [claimed(stage, &["a"]).await];
    stage.ask::<()>("ZADD", &["{d}:claims", "1", &claims[0].to_string()]);
    let renewed = stage.drive(async || stage.backend.renew_firings(&key(), &claims, TTL).await).await;
    assert_eq!(renewed, [true]);
    assert_eq!(stage.backend.recover_firings(&key()).await.unwrap().returned, 0);
    stage.holds_firings("active a").await;
}

async fn settle(stage: &Stage, outcome: impl Fn(&str) -> FiringOutcome, expected: &str) {
    let claim = claimed(stage, &["1", "2", "3"]).await;
    let settlements = ["1", "2"].map(|member| FiringSettlement { member: member.into(), outcome: outcome(member) });
    let _answers = stage.drive(async || stage.backend.settle_firings(&key(), claim, &settlements).await).await;
    stage.holds_firings(expected).await;
}

pub(crate) async fn settle_firings_done(stage: &Stage) {
    settle(stage, |_| FiringOutcome::Done, "active 3").await;
}

pub(crate) async fn settle_firings_returned(stage: &Stage) {
    settle(stage, |_| FiringOutcome::Return { after: Some(TTL) }, "pending 1 2 | active 3").await;
}

pub(crate) async fn settle_firings_quarantined(stage: &Stage) {
    settle(stage, |_| FiringOutcome::Quarantine { reason: "no".into() }, "active 3 | quarantined 1 2").await;
}

fn to_queue(task: NewTask) -> FiringOutcome {
    FiringOutcome::Enqueue { queue: QUEUE.clone(), task, retry_after: TTL }
}

/// Unlike enqueueing, this is safe to repeat without a lock: the firing leaves its claim in the same step.
pub(crate) async fn settle_firings_enqueued(stage: &Stage) {
    settle(stage, |member| to_queue(NewTask::new(member)), "active 3 | ready 1 2").await;
}

pub(crate) async fn settle_firings_held_back(stage: &Stage) {
    let lock = || UniqueLock { digest: "l".to_owned(), ttl: TTL };
    let earlier = NewTask::new("9").unique(lock());
    let _ids = stage.backend.enqueue(&QUEUE, &[earlier]).await.unwrap();
    settle(stage, |member| to_queue(NewTask::new(member).unique(lock())), "pending 1 2 | active 3 | ready 9").await;
}

pub(crate) async fn settle_firings_and_unpark(stage: &Stage) {
    let claim = claimed(stage, &["a"]).await;
    pending(stage, &["a"]).await;
    let nothing = stage.backend.claim_firings(&key(), &self::claim()).await.unwrap();
    assert!(nothing.firings.is_empty());
    let done = [FiringSettlement { member: b"a".to_vec(), outcome: FiringOutcome::Done }];
    let settled = stage.drive(async || stage.backend.settle_firings(&key(), claim, &done).await).await;
    assert!(settled == [FiringSettled::Settled] || settled == [FiringSettled::Gone]);
    stage.holds_firings("pending a").await;
}

pub(crate) async fn recover_firings(stage: &Stage) {
    let claims = [claimed(stage, &["a", "b"]).await, claimed(stage, &["c"]).await];
    for claim in claims {
        stage.ask::<()>("ZADD", &["{d}:claims", "1", &claim.to_string()]);
    }
    stage.drive(async || stage.backend.recover_firings(&key()).await).await;
    stage.holds_firings("pending a b c").await;
}

pub(crate) async fn peek_firings(stage: &Stage) {
    pending(stage, &["a", "b"]).await;
    let peeked = stage.drive(async || stage.backend.peek_firings(&key(), 10).await).await;
    assert_eq!(names(&peeked), "a b");
    stage.holds_firings("pending a b").await;
}

async fn quarantined(stage: &Stage, members: &[&str]) {
    let claim = claimed(stage, members).await;
    let settlements: Vec<_> = bytes(members)
        .into_iter()
        .map(|member| FiringSettlement { member, outcome: FiringOutcome::Quarantine { reason: "no".into() } })
        .collect();
    stage.backend.settle_firings(&key(), claim, &settlements).await.unwrap();
}

pub(crate) async fn list_quarantined(stage: &Stage) {
    quarantined(stage, &["a", "b"]).await;
    let listed = stage.drive(async || stage.backend.quarantined(&key(), Page::default()).await).await;
    assert_eq!(listed.len(), 2);
    stage.holds_firings("quarantined a b").await;
}

pub(crate) async fn release_quarantined(stage: &Stage) {
    quarantined(stage, &["a", "b"]).await;
    let one = bytes(&["a"]);
    stage.drive(async || stage.backend.release_quarantined(&key(), &one).await).await;
    stage.holds_firings("pending a | quarantined b").await;
}

pub(crate) async fn delete_quarantined(stage: &Stage) {
    quarantined(stage, &["a", "b"]).await;
    let one = bytes(&["a"]);
    stage.drive(async || stage.backend.delete_quarantined(&key(), &one).await).await;
    stage.holds_firings("quarantined b").await;
}

pub(crate) async fn inspect_debounce(stage: &Stage) {
    let _claim = claimed(stage, &["a"]).await;
    pending(stage, &["b"]).await;
    let stats = stage.drive(async || stage.backend.inspect_debounce(&key()).await).await;
    assert_eq!((stats.pending, stats.overdue, stats.active), (1, 1, 1));
    stage.holds_firings("pending b | active a").await;
}

pub(crate) async fn clear_firings(stage: &Stage) {
    let _claim = claimed(stage, &["a"]).await;
    pending(stage, &["b"]).await;
    stage.drive(async || stage.backend.clear_firings(&key()).await).await;
    stage.holds_firings("active a").await;
}
