//! Each transition of the task and effect roles × each fault × each of the commands that the transition consists of.
//!
//! A transition is a function that sets the scene, makes its call through [`Stage::drive`], and says what the server
//! must hold afterwards. Its commands stand in the table below, which the undisturbed run holds to be complete; those
//! with a `~` belong to a wait, which deals with their faults by itself.

use std::time::Duration;

use redis_ext::{
    TaskId,
    backend::{
        DeadLetter, DeathReason, Due, EffectBackend as _, EffectKey, EffectState, Lease, NewTask, Page, Recovery,
        Retention, Selection, Settlement, TaskBackend as _, UniqueLock,
    },
    task::Envelope,
};
use redis_ext_tests::{Fault, eventually};
use tokio_util::sync::CancellationToken;

use crate::{
    debouncing::*,
    stage::{QUEUE, Stage, TTL, claim},
};

macro_rules! transitions {
    ($($transition:ident: $($command:literal)+;)*) => {
        /// Drives each transition, with the fault at each of its commands in turn.
        async fn each_transition(stage: &Stage) {
            $({
                const COMMANDS: &[&str] = &[$($command),+];
                for at in (0..COMMANDS.len()).filter(|&at| stage.can_meet(COMMANDS[at])) {
                    stage.set(stringify!($transition), COMMANDS, at);
                    $transition(stage).await;
                }
            })*
        }
    };
}

transitions! {
    enqueue: "RPUSH";
    enqueue_unique: "enqueue_unique";
    schedule: "schedule";
    schedule_unique: "schedule";
    promote: "promote";
    join: "join";
    renew: "renew";
    leave: "part" "LRANGE" "SMEMBERS" "give_back" "LRANGE" "SMEMBERS" "give_back" "part";
    claim_some: "claim";
    claim_waiting: "claim" "~BLMOVE" "~claim";
    settle_done: "settle";
    settle_some_done: "settle";
    settle_retry: "settle";
    settle_dead: "settle";
    settle_release: "settle";
    settle_unlock: "settle";
    settle_two_batches: "settle" "settle";
    settle_and_claim: "settle";
    recover: "doom" "part" "LRANGE" "SMEMBERS" "give_back" "LRANGE" "SMEMBERS" "give_back" "part";
    replay_by_id: "replay";
    replay_all: "replay";
    delete_by_id: "delete_dead";
    delete_all: "delete_dead";
    trim: "trim_dead";
    list_the_dead: "dead_letters";
    pause: "SET";
    resume: "DEL";
    inspect: "inspect" "inspect";
    cancel: "cancel";
    ask_what_is_cancelled: "ZMSCORE";
    settle_cancelled: "settle";
    begin_effect: "begin_effect";
    finish_effect: "finish_effect";
    trigger: "debounce_trigger";
    trigger_throttled: "debounce_trigger";
    trigger_reset: "debounce_trigger";
    trigger_accumulating: "debounce_trigger";
    due_times: "debounce_due_times";
    cancel_firings: "debounce_cancel";
    claim_firings: "debounce_claim";
    renew_firings: "debounce_renew";
    settle_firings_done: "debounce_settle";
    settle_firings_returned: "debounce_settle";
    settle_firings_quarantined: "debounce_settle";
    settle_firings_enqueued: "debounce_settle";
    settle_firings_held_back: "debounce_settle";
    settle_firings_and_unpark: "debounce_settle";
    recover_firings: "debounce_expired" "debounce_recover" "debounce_recover";
    peek_firings: "debounce_peek";
    list_quarantined: "debounce_quarantined";
    release_quarantined: "debounce_release";
    delete_quarantined: "debounce_delete";
    inspect_debounce: "debounce_inspect";
    clear_firings: "debounce_clear";
}

macro_rules! faults {
    ($($name:ident: $fault:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            let mut stage = Stage::calm().await;
            each_transition(&stage).await;
            stage.meet($fault);
            each_transition(&stage).await;
        })*
    };
}

faults! {
    without_a_fault_each_transition_consists_of_the_commands_listed: None;
    no_transition_is_harmed_by_a_request_that_never_arrives: Some(Fault::LoseRequest);
    no_transition_is_harmed_by_a_reply_that_never_arrives: Some(Fault::LoseReply);
    no_transition_is_harmed_by_a_cut_before_it: Some(Fault::CutBefore);
    no_transition_is_harmed_by_a_cut_after_it: Some(Fault::CutAfter);
    no_transition_is_harmed_by_a_request_that_arrives_after_it_was_given_up: Some(Fault::Late(Duration::from_millis(150)));
    no_transition_is_harmed_by_a_delay: Some(Fault::Delay(Duration::from_millis(20)));
    no_transition_is_harmed_by_a_server_that_loads: Some(Fault::Refuse("LOADING Redis is loading the dataset in memory"));
    no_transition_is_harmed_by_a_server_without_memory: Some(Fault::Refuse("OOM command not allowed when used memory > 'maxmemory'."));
    no_transition_is_harmed_by_a_replica: Some(Fault::Refuse("READONLY You can't write against a read only replica."));
    no_transition_is_harmed_by_a_server_that_forgot_its_scripts: Some(Fault::Refuse("NOSCRIPT No matching script. Please use EVAL."));
    no_transition_is_harmed_by_a_busy_server: Some(Fault::Refuse("BUSY Redis is busy running a script."));
    no_transition_is_harmed_by_a_server_that_points_elsewhere: Some(Fault::Refuse("MOVED 1 127.0.0.1:1"));
}

fn numbered(payload: &str) -> NewTask {
    NewTask::new(payload)
}

fn lock(digest: &str) -> UniqueLock {
    UniqueLock { digest: digest.to_owned(), ttl: TTL }
}

fn letter(entry: &str) -> DeadLetter {
    DeadLetter::new(TaskId::random(), DeathReason::Fatal, vec!["it broke".to_owned()], entry.as_bytes().to_vec())
}

/// Claims all that is ready, and says what becomes of it.
async fn claimed(stage: &Stage, lease: &Lease, batch: u64, max: usize) -> Vec<redis_ext::backend::Claimed> {
    stage.backend.claim(lease, claim(batch, max)).await.unwrap().tasks
}

/// The IDs of dead letters with these payloads.
async fn buried(stage: &Stage, entries: &[&str]) -> Vec<TaskId> {
    let lease = stage.joined().await;
    stage.enqueued(entries).await;
    let letters: Vec<_> = entries.iter().map(|entry| letter(entry)).collect();
    let ids = letters.iter().map(|letter| letter.id).collect();
    let tasks = claimed(stage, &lease, 1, entries.len()).await;
    let settlements: Vec<_> = tasks.into_iter().zip(letters).map(|(task, letter)| task.dead(letter)).collect();
    stage.backend.settle(&lease, &settlements, None).await.unwrap();
    stage.backend.leave(&lease).await.unwrap();
    ids
}

async fn enqueue(stage: &Stage) {
    let tasks = ["1", "2"].map(numbered);
    let _ids = stage.drive(async || stage.backend.enqueue(&QUEUE, &tasks).await).await;
    // The one documented exception: without a lock, a call repeated after its reply was lost adds the tasks again.
    stage.holds(if stage.applies_twice() { "ready 1 2 1 2" } else { "ready 1 2" }).await;
}

async fn enqueue_unique(stage: &Stage) {
    let tasks = [numbered("1").unique(lock("a")), numbered("2").unique(lock("b")), numbered("3").unique(lock("a"))];
    let answers = stage.drive(async || stage.backend.enqueue(&QUEUE, &tasks).await).await;
    let answers: Vec<_> = answers.iter().map(|answer| (answer.id(), answer.is_duplicate())).collect();
    assert_eq!(answers, [(tasks[0].id, false), (tasks[1].id, false), (tasks[0].id, true)]);
    stage.holds("ready 1 2 | locks a b").await;
}

async fn schedule(stage: &Stage) {
    let tasks = ["1", "2"].map(numbered);
    let _ids = stage.drive(async || stage.backend.schedule(&QUEUE, &tasks, Due::In(TTL)).await).await;
    // Each payload is there once; which comes first is a matter of the IDs, which sort by time.
    stage.holds("scheduled 1 2").await;
}

async fn schedule_unique(stage: &Stage) {
    let tasks = [numbered("1").unique(lock("a")), numbered("2").unique(lock("a"))];
    let answers = stage.drive(async || stage.backend.schedule(&QUEUE, &tasks, Due::In(TTL)).await).await;
    assert_eq!(answers.iter().map(|answer| answer.is_duplicate()).collect::<Vec<_>>(), [false, true]);
    stage.holds("scheduled 1 | locks a").await;
}

async fn promote(stage: &Stage) {
    let tasks = ["1", "2", "3"].map(numbered);
    let _ids = stage.backend.schedule(&QUEUE, &tasks[..2], Due::In(Duration::ZERO)).await.unwrap();
    let _ids = stage.backend.schedule(&QUEUE, &tasks[2..], Due::In(TTL)).await.unwrap();
    stage.drive(async || stage.backend.promote(&QUEUE, 8).await).await;
    stage.holds("ready 1 2 | scheduled 3").await;
}

async fn join(stage: &Stage) {
    let lease = stage.joined().await;
    stage.backend.leave(&lease).await.unwrap();
    stage.drive(async || stage.backend.join(&lease, TTL).await).await;
    stage.holds("workers 1").await;
}

async fn renew(stage: &Stage) {
    let lease = stage.joined().await;
    stage.expire(&lease);
    stage.drive(async || stage.backend.renew(&lease, TTL).await).await;
    assert_eq!(stage.backend.recover(&QUEUE, &Recovery::default(), Duration::ZERO).await.unwrap(), Default::default());
    stage.holds("workers 1").await;
}

/// An incarnation that holds what can be held: two batches, a task of them settled, and one that landed.
async fn laden(stage: &Stage, lease: &Lease) {
    stage.enqueued(&["1", "2", "3", "4", "5"]).await;
    let mut first = claimed(stage, lease, 1, 2).await;
    let _second = claimed(stage, lease, 2, 2).await;
    stage.backend.settle(lease, &[first.remove(0).done()], None).await.unwrap();
    let landing = format!("{{q}}:landing:{}", lease.worker);
    stage.ask::<()>("LMOVE", &["q", &landing, "LEFT", "RIGHT"]);
}

async fn leave(stage: &Stage) {
    let lease = stage.joined().await;
    laden(stage, &lease).await;
    stage.drive(async || stage.backend.leave(&lease).await).await;
    stage.holds("ready 2 3 4 5").await;
}

async fn claim_some(stage: &Stage) {
    let lease = stage.joined().await;
    stage.enqueued(&["1", "2", "3"]).await;
    let batch = stage.drive(async || stage.backend.claim(&lease, claim(1, 2)).await).await;
    assert_eq!(batch.tasks.iter().map(|task| task.entry()).collect::<Vec<_>>(), [b"1", b"2"]);
    stage.holds("ready 3 | claimed 1 2 | workers 1").await;
}

async fn claim_waiting(stage: &Stage) {
    let lease = stage.joined().await;
    let stop = CancellationToken::new();
    let pushed = async {
        let is_time =
            || async { stage.proxy.struck() > 0 || stage.ask::<String>("CLIENT", &["LIST"]).contains("cmd=blmove") };
        eventually("the wait has begun, or something went wrong", is_time).await;
        stage.ask::<()>("RPUSH", &["q", "1"]);
    };
    let patience = Duration::from_millis(400);
    let waited = stage.drive(async || stage.backend.claim_waiting(&lease, claim(1, 2), patience, &stop).await);
    let (batch, ()) = tokio::join!(waited, pushed);
    assert_eq!(batch.tasks.iter().map(|task| task.entry()).collect::<Vec<_>>(), [b"1"]);
    stage.holds("claimed 1 | workers 1").await;
}

/// Settles the first tasks of a batch of three as `judge` says.
async fn settle<const N: usize>(
    stage: &Stage,
    judge: [fn(redis_ext::backend::Claimed) -> Settlement; N],
    expected: &str,
) {
    let lease = stage.joined().await;
    stage.enqueued(&["1", "2", "3"]).await;
    let tasks = claimed(stage, &lease, 1, 3).await;
    let settlements: Vec<_> = tasks.into_iter().zip(judge).map(|(task, judge)| judge(task)).collect();
    stage.drive(async || stage.backend.settle(&lease, &settlements, None).await).await;
    stage.holds(expected).await;
}

async fn settle_done(stage: &Stage) {
    settle(stage, [|task| task.done(), |task| task.done(), |task| task.done()], "workers 1").await;
}

async fn settle_some_done(stage: &Stage) {
    settle(stage, [|task| task.done(), |task| task.done()], "claimed 3 | workers 1").await;
}

async fn settle_retry(stage: &Stage) {
    let retry = |task: redis_ext::backend::Claimed| {
        let entry = task.entry().to_vec();
        task.retry(TaskId::random(), entry, TTL)
    };
    settle(stage, [retry, retry], "scheduled 1 2 | claimed 3 | workers 1").await;
}

async fn settle_dead(stage: &Stage) {
    settle(stage, [|task| task.dead(letter("1")), |task| task.dead(letter("2"))], "claimed 3 | dead 1 2 | workers 1")
        .await;
}

async fn settle_release(stage: &Stage) {
    settle(stage, [|task| task.release(), |task| task.release()], "ready 1 2 | claimed 3 | workers 1").await;
}

async fn settle_unlock(stage: &Stage) {
    let lease = stage.joined().await;
    let task = numbered("1").unique(lock("a"));
    let _ids = stage.backend.enqueue(&QUEUE, std::slice::from_ref(&task)).await.unwrap();
    let settlements = [claimed(stage, &lease, 1, 1).await.remove(0).done().unlock("a", task.id)];
    stage.drive(async || stage.backend.settle(&lease, &settlements, None).await).await;
    stage.holds("workers 1").await;
}

async fn settle_two_batches(stage: &Stage) {
    let lease = stage.joined().await;
    stage.enqueued(&["1", "2", "3"]).await;
    let first = claimed(stage, &lease, 1, 1).await.remove(0).release();
    let second = claimed(stage, &lease, 2, 1).await.remove(0).release();
    let settlements = [second, first];
    stage.drive(async || stage.backend.settle(&lease, &settlements, None).await).await;
    // Each batch is settled as a whole, but not both together: if the first is refused alone, its task is released
    // later than that of the other, and stands before it.
    stage.holds(if stage.refuses_the_first() { "ready 2 1 3 | workers 1" } else { "ready 1 2 3 | workers 1" }).await;
}

async fn settle_and_claim(stage: &Stage) {
    let lease = stage.joined().await;
    stage.enqueued(&["1", "2", "3", "4"]).await;
    let mut tasks = claimed(stage, &lease, 1, 2).await;
    let settlements = [tasks.remove(0).done(), tasks.remove(0).release()];
    let next = stage.drive(async || stage.backend.settle(&lease, &settlements, Some(claim(2, 2))).await).await;
    assert_eq!(next.tasks.iter().map(|task| task.entry()).collect::<Vec<_>>(), [b"2", b"3"]);
    stage.holds("ready 4 | claimed 2 3 | workers 1").await;
}

async fn recover(stage: &Stage) {
    // A task that has crashed twice before, and is poison with the third time.
    let mut poison = Envelope::parse(b"0").unwrap().after_crash().after_crash();
    poison.unique = Some("a".into());
    let poisonous = NewTask::new(poison.to_entry()).with_id(poison.id).unique(lock("a"));
    let _ids = stage.backend.enqueue(&QUEUE, &[numbered("9"), poisonous]).await.unwrap();
    let lease = stage.joined().await;
    laden(stage, &lease).await;
    stage.expire(&lease);
    stage.drive(async || stage.backend.recover(&QUEUE, &Recovery::default(), Duration::ZERO).await).await;
    stage.holds("ready 1* 2* 3 4 5 | dead 0").await;
}

async fn replay_by_id(stage: &Stage) {
    let which = Selection::Ids(buried(stage, &["1", "2", "3"]).await[..2].to_vec());
    stage.drive(async || stage.backend.replay(&QUEUE, &which).await).await;
    stage.holds("ready 1 2 | dead 3").await;
}

async fn replay_all(stage: &Stage) {
    buried(stage, &["1", "2"]).await;
    stage.drive(async || stage.backend.replay(&QUEUE, &Selection::All).await).await;
    stage.holds("ready 1 2").await;
}

async fn delete_by_id(stage: &Stage) {
    let which = Selection::Ids(buried(stage, &["1", "2", "3"]).await[..2].to_vec());
    stage.drive(async || stage.backend.delete_dead(&QUEUE, &which).await).await;
    stage.holds("dead 3").await;
}

async fn delete_all(stage: &Stage) {
    buried(stage, &["1", "2"]).await;
    stage.drive(async || stage.backend.delete_dead(&QUEUE, &Selection::All).await).await;
    stage.holds("").await;
}

async fn trim(stage: &Stage) {
    buried(stage, &["1", "2", "3"]).await;
    let retention = Retention::default().count(1);
    stage.drive(async || stage.backend.trim_dead(&QUEUE, &retention).await).await;
    stage.holds("dead 3").await;
}

async fn list_the_dead(stage: &Stage) {
    buried(stage, &["1", "2"]).await;
    let listed = stage.drive(async || stage.backend.dead_letters(&QUEUE, Page::default()).await).await;
    assert_eq!(listed.letters.iter().map(|letter| &*letter.entry).collect::<Vec<_>>(), [b"2", b"1"]);
    stage.holds("dead 1 2").await;
}

async fn pause(stage: &Stage) {
    stage.drive(async || stage.backend.pause(&QUEUE).await).await;
    stage.holds("paused").await;
}

async fn resume(stage: &Stage) {
    stage.backend.pause(&QUEUE).await.unwrap();
    stage.drive(async || stage.backend.resume(&QUEUE).await).await;
    stage.holds("").await;
}

async fn inspect(stage: &Stage) {
    let lease = stage.joined().await;
    stage.enqueued(&["1", "2", "3"]).await;
    let _held = claimed(stage, &lease, 1, 2).await;
    let stats = stage.drive(async || stage.backend.inspect(&QUEUE).await).await;
    assert_eq!((stats.ready, stats.claimed, stats.workers), (1, 2, 1));
    stage.holds("ready 3 | claimed 1 2 | workers 1").await;
}

async fn cancel(stage: &Stage) {
    let task = numbered("1");
    let _ids = stage.backend.enqueue(&QUEUE, std::slice::from_ref(&task)).await.unwrap();
    stage.drive(async || stage.backend.cancel(&QUEUE, &[task.id]).await).await;
    stage.holds("ready 1 | cancelled 1").await;
}

async fn ask_what_is_cancelled(stage: &Stage) {
    let ids = [TaskId::random(), TaskId::random()];
    stage.backend.cancel(&QUEUE, &ids[..1]).await.unwrap();
    let cancelled = stage.drive(async || stage.backend.cancelled(&QUEUE, &ids).await).await;
    assert_eq!(cancelled, ids[..1]);
    stage.holds("cancelled 1").await;
}

async fn settle_cancelled(stage: &Stage) {
    let lease = stage.joined().await;
    let task = numbered("1").unique(lock("a"));
    let _ids = stage.backend.enqueue(&QUEUE, std::slice::from_ref(&task)).await.unwrap();
    stage.backend.cancel(&QUEUE, &[task.id]).await.unwrap();
    let settlements = [claimed(stage, &lease, 1, 1).await.remove(0).cancelled(task.id).unlock("a", task.id)];
    stage.drive(async || stage.backend.settle(&lease, &settlements, None).await).await;
    stage.holds("workers 1").await;
}

const FOREVER: Duration = Duration::from_secs(3600);

fn effect() -> EffectKey {
    EffectKey { queue: QUEUE.clone(), task: TaskId::random(), name: "charge".into() }
}

async fn begin_effect(stage: &Stage) {
    let effect = effect();
    let begin = async || stage.backend.begin_effect(&effect, FOREVER).await;
    let EffectState::Begun(token) = stage.drive(begin).await else { panic!("nobody has finished it") };
    let EffectState::Begun(latest) = begin().await.unwrap() else { panic!("nobody has finished it") };
    // A begin that was applied twice has used up a token.
    assert_eq!((token < latest, latest), (true, if stage.applies_twice() { 3 } else { 2 }));
    for (token, finishes) in [(token, false), (latest, true)] {
        assert_eq!(stage.backend.finish_effect(&effect, token, b"r", FOREVER).await.unwrap(), finishes);
    }
}

async fn finish_effect(stage: &Stage) {
    let effect = effect();
    assert_eq!(stage.backend.begin_effect(&effect, FOREVER).await.unwrap(), EffectState::Begun(1));
    assert!(stage.drive(async || stage.backend.finish_effect(&effect, 1, b"r", FOREVER).await).await);
    let state = stage.backend.begin_effect(&effect, FOREVER).await.unwrap();
    assert_eq!(state, EffectState::Finished(b"r".to_vec()), "it is had once");
}

#[tokio::test]
async fn a_recovery_that_meets_a_stranger_tells_what_else_it_has_done() {
    let stage = Stage::calm().await;
    let lease = stage.joined().await;
    stage.enqueued(&["1"]).await;
    let _held = claimed(&stage, &lease, 1, 1).await;
    stage.expire(&lease);
    stage.ask::<()>("ZADD", &["{q}:workers", "1", "a stranger"]);
    stage.proxy.rule(|command| (command.name == "ZREM").then_some(Fault::Refuse("READONLY not now")));
    let recover = async || stage.backend.recover(&QUEUE, &Recovery::default(), Duration::ZERO).await;
    assert!(recover().await.unwrap_err().is_maybe_applied());
    stage.proxy.calm();
    recover().await.unwrap();
    stage.holds("ready 1*").await;
}

/// The network may hold a request back until long after it was repeated and its tasks were settled.
#[tokio::test]
async fn a_claim_that_arrives_after_its_repetition_was_settled_takes_nothing() {
    let stage = Stage::calm().await;
    let lease = stage.joined().await;
    stage.enqueued(&["1", "2"]).await;
    stage.proxy.strike(0, Fault::Late(Duration::from_millis(500)));
    stage.backend.claim(&lease, claim(1, 1)).await.unwrap_err();
    stage.proxy.calm();
    let mut batch = stage.repeat(async || stage.backend.claim(&lease, claim(1, 1)).await).await.tasks;
    let repeated = batch.remove(0).done();
    stage.backend.settle(&lease, &[repeated], None).await.unwrap();
    assert_eq!(stage.proxy.late(), 1, "the first copy is still on its way");
    stage.no_request_is_late().await;
    // What it took the worker would not know of, and it would lie there until the worker leaves.
    stage.holds("ready 2 | workers 1").await;
}
