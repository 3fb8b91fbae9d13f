//! What each transition may cost: the Redis commands that it runs, as the server counts them, for batches of 64 tasks
//! or keys. A script that comes to do more fails here, not in production.

use std::cell::RefCell;

use redis_ext::{
    IdClass, IdTtl,
    backend::{
        ClaimId, DebounceBackend as _, DebounceKey, FiringClaim, FiringOutcome, FiringSettlement, IdBackend as _,
        IdKey, IdOffer, IdRules, PayloadRule, Repeat, Trigger, TriggerRules,
    },
};

use super::*;

const TASKS: usize = 64;

/// What does not count: the call of a script itself, and what this test asks.
const NOT_COUNTED: [&str; 5] = ["evalsha", "info", "config|resetstat", "script|load", "client|list"];

struct Till {
    raw: Raw,
    spent: Vec<(&'static str, usize, usize)>,
}

impl Till {
    /// Runs a transition and notes what it has spent beside its budget: so many commands.
    async fn pay<T>(
        &mut self,
        transition: &'static str,
        budget: usize,
        run: impl AsyncFn() -> Result<T, BackendError>,
    ) -> T {
        self.raw.send("CONFIG RESETSTAT");
        let answer = run().await.unwrap();
        let stats = self.raw.send("INFO commandstats");
        let calls = stats.lines().filter_map(|line| {
            let (name, rest) = line.trim().strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let calls: usize = rest.split(',').next()?.parse().ok()?;
            (!NOT_COUNTED.contains(&name)).then_some(calls)
        });
        self.spent.push((transition, calls.sum(), budget));
        answer
    }
}

fn many() -> Vec<NewTask> {
    (0..TASKS).map(|number| NewTask::new(number.to_string())).collect()
}

#[tokio::test]
async fn no_transition_runs_more_commands_than_its_budget() {
    let server = RedisServer::start();
    let backend = connect(&server).await;
    let mut till = Till { raw: Raw::to(&server), spent: Vec::new() };
    // So that no script has to be loaded within what is counted.
    for _ in 0..2 {
        till.spent.clear();
        till.raw.send("FLUSHALL");
        all_transitions(&backend, &mut till).await;
        waiting_for_a_push(&backend, &mut Raw::to(&server), &mut till).await;
        all_id_transitions(&backend, &mut till).await;
        all_of_debouncing(&backend, &mut till).await;
    }
    println!("{:<44} spent budget", "transition");
    for (transition, spent, budget) in &till.spent {
        println!("{transition:<44} {spent:>5} {budget:>6}");
    }
    let over: Vec<_> = till.spent.iter().filter(|(_, spent, budget)| spent > budget).collect();
    assert!(over.is_empty(), "over the budget: {over:?}");
    let generous: Vec<_> = till.spent.iter().filter(|(_, spent, budget)| spent < budget).collect();
    assert!(generous.is_empty(), "cheaper than the budget, which can be lowered: {generous:?}");
}

async fn all_transitions(backend: &RedisBackend, till: &mut Till) {
    let lease = Lease { queue: QUEUE.clone(), worker: WorkerId::random() };
    till.pay("join", 4, async || backend.join(&lease, TTL).await).await;
    till.pay("renew", 4, async || backend.renew(&lease, TTL).await).await;

    till.pay("enqueue", 1, async || backend.enqueue(&QUEUE, &many()).await).await;
    let batch = till.pay("claim", 11, async || backend.claim(&lease, claim(1, TASKS)).await).await;
    assert_eq!(batch.tasks.len(), TASKS);
    let _ids = backend.enqueue(&QUEUE, &many()).await.unwrap();
    let done: Vec<_> = batch.tasks.into_iter().map(|task| task.done()).collect();
    let settle_and_claim = async || backend.settle(&lease, &done, Some(claim(2, TASKS))).await;
    let mut batch = till.pay("settle all as done, and claim", 14, settle_and_claim).await.tasks;
    assert_eq!(batch.len(), TASKS);

    let last = [batch.remove(TASKS - 1).done()];
    till.pay("settle one of many", 6, async || backend.settle(&lease, &last, None).await).await;
    let half: Vec<_> = batch.drain(TASKS / 2..).map(|task| task.done()).collect();
    till.pay("settle half of them", 6, async || backend.settle(&lease, &half, None).await).await;
    let later = Duration::from_secs(3600);
    let retries: Vec<_> = batch.drain(..8).map(|task| task.retry(TaskId::random(), b"1".to_vec(), later)).collect();
    till.pay("settle eight as retries", 24, async || backend.settle(&lease, &retries, None).await).await;
    let dead: Vec<_> = batch.drain(..8).map(|task| task.dead(letter("1"))).collect();
    till.pay("settle eight as dead", 50, async || backend.settle(&lease, &dead, None).await).await;
    assert_eq!(till.pay("leave", 36, async || backend.leave(&lease).await).await, TASKS / 4);

    till.pay("schedule", 3, async || backend.schedule(&QUEUE, &many(), Due::In(Duration::ZERO)).await).await;
    assert_eq!(till.pay("promote", 6, async || backend.promote(&QUEUE, 512).await).await.moved, TASKS);
    till.pay("cancel", 6, async || backend.cancel(&QUEUE, &[TaskId::random()]).await).await;
    till.pay("ask what is cancelled", 1, async || backend.cancelled(&QUEUE, &[TaskId::random()]).await).await;
    let rules = Recovery::default();
    till.pay("recover, where nobody died", 6, async || backend.recover(&QUEUE, &rules, TTL).await).await;
    till.pay("list eight dead letters", 4, async || backend.dead_letters(&QUEUE, Page::default()).await).await;
    till.pay("trim, where nothing is over", 7, async || backend.trim_dead(&QUEUE, &Retention::default()).await).await;
    let replay = async || backend.replay(&QUEUE, &Selection::All).await;
    assert_eq!(till.pay("replay eight dead letters", 48, replay).await, 8);
    till.pay("inspect", 5, async || backend.inspect(&QUEUE).await).await;
    till.pay("pause", 1, async || backend.pause(&QUEUE).await).await;
    till.pay("resume", 1, async || backend.resume(&QUEUE).await).await;
    set_transitions(backend, till).await;
}

async fn waiting_for_a_push(backend: &RedisBackend, raw: &mut Raw, till: &mut Till) {
    raw.send("FLUSHALL");
    let lease = joined(backend).await;
    let (stop, one, raw) = (CancellationToken::new(), tasks(&["a"]), RefCell::new(raw));
    let look_and_pick_up = async || {
        let waiting = backend.claim_waiting(&lease, claim(1, TASKS), TTL, &stop);
        let pushing = async {
            until(|| !raw.borrow_mut().blocked().is_empty()).await;
            backend.enqueue(&QUEUE, &one).await.unwrap()
        };
        let (claimed, _ids) = tokio::join!(waiting, pushing);
        claimed
    };
    // The look at the empty queue is eight of them, the push and the blocking move one each, and the claim nine.
    assert_eq!(entries(&till.pay("wait for a push, and claim", 20, look_and_pick_up).await), ["a"]);
}

async fn set_transitions(backend: &RedisBackend, till: &mut Till) {
    let set = "s".parse().unwrap();
    let members = |numbers: std::ops::Range<usize>| numbers.map(|number| number.to_string().into_bytes()).collect();
    let edit = |remove, add| SetChange::new(SetEdit::Apply { remove: members(remove), add: members(add) });
    let first = edit(0..0, 0..TASKS);
    till.pay("add to a set", 7, async || backend.change_set(&set, &first).await).await;
    till.pay("the same again", 4, async || backend.change_set(&set, &first).await).await;
    let both = edit(0..8, TASKS..TASKS + 8);
    till.pay("remove from a set, and add", 8, async || backend.change_set(&set, &both).await).await;
    let nothing = edit(0..8, 0..0);
    till.pay("a change that changes nothing", 4, async || backend.change_set(&set, &nothing).await).await;
    let state = till.pay("look at a set, and load it", 4, async || backend.set_state(&set, None).await).await;
    till.pay("look at it again", 3, async || backend.set_state(&set, Some(state.mark)).await).await;
    let _ = backend.change_set(&set, &edit(8..9, 0..0)).await.unwrap();
    till.pay("look at it after a change", 4, async || backend.set_state(&set, Some(state.mark)).await).await;
}

async fn all_id_transitions(backend: &RedisBackend, till: &mut Till) {
    let class = IdClass::from_static("user");
    let keys = |from: usize| -> Vec<_> {
        (from..from + TASKS).map(|number| IdKey::new(&number.to_string()).unwrap()).collect()
    };
    let (hour, reversible) = (IdRules::default(), IdRules { reverse: true, ..IdRules::default() });
    let sliding = IdRules { ttl: IdTtl::sliding(TTL).unwrap(), reverse: false };
    let assign = async |from, rules| backend.assign_ids(&class, &keys(from), rules, 0).await;
    till.pay("assign IDs to new keys", 69, async || assign(0, hour).await).await;
    till.pay("assign IDs to known keys", 2, async || assign(0, hour).await).await;
    till.pay("assign IDs to known keys, sliding", 66, async || assign(0, sliding).await).await;
    till.pay("assign IDs to new keys, and the way back", 81, async || assign(TASKS, reversible).await).await;
    till.pay("assign IDs to known keys, and the way back", 6, async || assign(TASKS, reversible).await).await;
    till.pay("find IDs", 64, async || backend.find_ids(&class, &keys(0)).await).await;
    let ids: Vec<_> = (65..=128).collect();
    till.pay("find keys by their IDs", 65, async || backend.find_keys(&class, &ids).await).await;
    till.pay("forget IDs", 64, async || backend.forget_ids(&class, &keys(0), hour).await).await;
    let forget = async || backend.forget_ids(&class, &keys(TASKS), reversible).await;
    till.pay("forget IDs, and the way back", 322, forget).await;
    till.pay("reserve IDs", 3, async || backend.reserve_ids(&class, 1000.try_into().unwrap(), 0).await).await;
    let offers: Vec<_> = keys(0).into_iter().zip(ids).map(|(key, id)| IdOffer { key, id }).collect();
    till.pay("offer IDs to new keys", 128, async || backend.offer_ids(&class, &offers, IdTtl::DEFAULT).await).await;
    till.pay("offer IDs to known keys", 64, async || backend.offer_ids(&class, &offers, IdTtl::DEFAULT).await).await;
}

fn outcomes(outcome: &FiringOutcome) -> Vec<FiringSettlement> {
    (0..TASKS).map(|number| FiringSettlement { member: number.to_string().into(), outcome: outcome.clone() }).collect()
}

async fn all_of_debouncing(backend: &RedisBackend, till: &mut Till) {
    let key = DebounceKey::new("debounced").unwrap();
    let keep = TriggerRules { repeat: Repeat::Keep, payloads: PayloadRule::First };
    let trigger = async || {
        let triggers: Vec<_> =
            (0..TASKS).map(|number| Trigger::new(number.to_string(), Due::In(Duration::ZERO))).collect();
        backend.trigger(&key, &triggers, &keep).await
    };
    let claim = async |id| {
        let claim = FiringClaim { id, max: 512, lease: TTL, early: false };
        backend.claim_firings(&key, &claim).await
    };
    let settle = async |id, outcome: &FiringOutcome| backend.settle_firings(&key, id, &outcomes(outcome)).await;

    let _answers = till.pay("trigger", 72, trigger).await;
    let _answers = till.pay("trigger what is pending", 135, trigger).await;
    let id = ClaimId::random();
    assert_eq!(till.pay("claim firings", 16, async || claim(id).await).await.firings.len(), TASKS);
    till.pay("renew a claim", 5, async || backend.renew_firings(&key, &[id], TTL).await).await;
    let to_queue = FiringOutcome::Enqueue { queue: QUEUE.clone(), task: NewTask::new("1"), retry_after: TTL };
    let _answers = till.pay("settle firings into a queue", 16, async || settle(id, &to_queue).await).await;
    let nothing = till.pay("claim firings, where none is due", 11, async || claim(ClaimId::random()).await).await;
    assert!(nothing.firings.is_empty());

    for (transition, budget, outcome) in [
        ("settle firings as done", 14, FiringOutcome::Done),
        ("settle firings back to what is pending", 335, FiringOutcome::Return { after: None }),
    ] {
        let id = ClaimId::random();
        let _answers = trigger().await.unwrap();
        let _claimed = claim(id).await.unwrap();
        let _answers = till.pay(transition, budget, async || settle(id, &outcome).await).await;
    }
    let recover = async || backend.recover_firings(&key).await;
    till.pay("recover firings, where no lease has expired", 2, recover).await;
    till.pay("count firings", 6, async || backend.inspect_debounce(&key).await).await;
    till.pay("clear firings", 3, async || backend.clear_firings(&key).await).await;
}
