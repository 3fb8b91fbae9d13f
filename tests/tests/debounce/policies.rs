//! The truth table: each policy × what is done while a firing is pending, in virtual time.
//!
//! A row is a policy, what is done at which millisecond, and what must fire when. All of it is about one key; the letter
//! is the payload. The recipient takes as long as the row says, and a firing is noted when it begins.

use std::{sync::Arc, sync::Mutex, time::Duration};

use actix::{Actor, Context, Handler, ResponseFuture};
use redis_ext::{Debounce, DebounceScheduler, Debouncer, Fired, RedisTask, TaskError, backend::PayloadRule};
use redis_ext_memory::MemoryBackend;
use tokio::time::Instant;

/// How far a firing may be from its time: clocks and timers count whole milliseconds.
const EXACT: u64 = 2;

#[derive(Debug, Clone, RedisTask)]
struct Edit {
    document: u32,
    text: String,
}

fn edit(text: &str) -> Edit {
    Edit { document: 7, text: text.to_owned() }
}

#[derive(Debug, Clone, Copy)]
enum Act {
    /// Triggers with this payload.
    Trigger(&'static str),
    /// The same with a delay of its own.
    In(&'static str, u64),
    Replace(&'static str),
    Cancel,
    /// Whether a firing is pending.
    Pending(bool),
}
use Act::{Cancel, In, Pending, Replace, Trigger};

struct Row {
    policy: Debounce,
    busy: u64,
    acts: &'static [(u64, Act)],
    fires: &'static [(u64, &'static str)],
}

struct Recorder {
    begun: Instant,
    busy: Duration,
    fired: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<Fired<Edit>> for Recorder {
    type Result = ResponseFuture<Result<(), TaskError>>;

    fn handle(&mut self, fired: Fired<Edit>, _: &mut Context<Self>) -> Self::Result {
        let at = u64::try_from(self.begun.elapsed().as_millis()).unwrap();
        let texts: Vec<_> = fired.into_payloads().into_iter().map(|edit| edit.text).collect();
        self.fired.lock().unwrap().push((at, texts.join("+")));
        let busy = self.busy;
        Box::pin(async move {
            tokio::time::sleep(busy).await;
            Ok(())
        })
    }
}

async fn check(row: Row) {
    let Row { policy, busy, acts, fires } = row;
    let backend = MemoryBackend::new();
    // Windows begin at whole seconds: so does the row.
    let into = backend.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() % 1000;
    tokio::time::advance(Duration::from_millis(1000 - u64::try_from(into).unwrap())).await;

    let begun = Instant::now();
    let edits = Debouncer::new(backend.clone(), "edits", policy).unwrap().keyed_by(|edit: &Edit| edit.document);
    let fired = Arc::default();
    let recorder = Recorder { begun, busy: Duration::from_millis(busy), fired: Arc::clone(&fired) };
    let scheduler =
        DebounceScheduler::builder(backend).to_recipient(&edits, recorder.start().recipient()).start().unwrap();
    for &(at, act) in acts {
        tokio::time::sleep_until(begun + Duration::from_millis(at)).await;
        match act {
            Trigger(text) => {
                let _ = edits.schedule(&edit(text)).await.unwrap();
            }
            In(text, delay) => {
                let _ = edits.schedule_in(&edit(text), Duration::from_millis(delay)).await.unwrap();
            }
            Replace(text) => {
                let _ = edits.replace(&edit(text)).await.unwrap();
            }
            Cancel => {
                let _ = edits.cancel(&edit("")).await.unwrap();
            }
            Pending(expected) => {
                assert_eq!(edits.is_pending(&edit("")).await.unwrap(), expected, "at {at} of {acts:?}");
            }
        }
    }
    scheduler.run_until_idle().await.unwrap();
    let fired = fired.lock().unwrap();
    let matches = fired.len() == fires.len()
        && fired
            .iter()
            .zip(fires)
            .all(|((at, text), (due, expected))| text == expected && (*due..=*due + EXACT).contains(at));
    assert!(matches, "{policy:?}, {acts:?}: fired {fired:?} instead of {fires:?}");
}

macro_rules! rows {
    ($($name:ident: $policy:expr, busy $busy:literal, $acts:expr => $fires:expr;)*) => {
        $(#[test]
        fn $name() {
            crate::stage::paused().block_on(check(Row { policy: $policy, busy: $busy, acts: &$acts, fires: &$fires }));
        })*
    };
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const AFTER: Debounce = Debounce::after(ms(200));
const TRAILING: Debounce = Debounce::trailing(ms(200));
const LEADING: Debounce = Debounce::leading(ms(200));
const WINDOWS: Debounce = Debounce::windows(ms(1000), ms(50));
const ALL: PayloadRule = PayloadRule::Accumulate { max_count: 3, max_bytes: 10_000 };

rows! {
    after_fires_once_by_its_first_deadline: AFTER, busy 0,
        [(0, Trigger("a")), (50, Trigger("b")), (190, Trigger("c")), (195, Pending(true))] => [(200, "a")];
    after_fires_again_for_a_trigger_that_comes_later: AFTER, busy 0,
        [(0, Trigger("a")), (210, Pending(false)), (250, Trigger("b"))] => [(200, "a"), (450, "b")];
    after_keeps_the_last_payload_if_told: AFTER.payloads(PayloadRule::Last), busy 0,
        [(0, Trigger("a")), (100, Trigger("b"))] => [(200, "b")];
    after_keeps_all_payloads_if_told: AFTER.payloads(ALL), busy 0,
        [(0, Trigger("a")), (100, Trigger("b"))] => [(200, "a+b")];
    after_fires_early_when_its_payloads_are_full: AFTER.payloads(ALL), busy 0,
        [(0, Trigger("a")), (10, Trigger("b")), (20, Trigger("c")), (30, Trigger("d"))] => [(20, "a+b+c"), (230, "d")];
    after_does_not_fire_when_it_is_cancelled: AFTER, busy 0,
        [(0, Trigger("a")), (100, Cancel), (110, Pending(false))] => [];
    after_begins_anew_after_a_cancellation: AFTER, busy 0,
        [(0, Trigger("a")), (100, Cancel), (150, Trigger("b"))] => [(350, "b")];
    after_is_replaced_with_a_new_deadline: AFTER, busy 0,
        [(0, Trigger("a")), (100, Replace("b")), (150, Trigger("c"))] => [(300, "b")];
    after_takes_a_delay_of_its_own_for_the_first_trigger_only: AFTER, busy 0,
        [(0, In("a", 500)), (50, In("b", 10))] => [(500, "a")];
    after_runs_once_more_for_triggers_during_a_run: AFTER, busy 600,
        [(0, Trigger("a")), (300, Trigger("b")), (400, Trigger("c")), (550, Pending(true))] => [(200, "a"), (800, "b")];
    after_is_cancelled_while_it_waits_for_a_run: AFTER, busy 600,
        [(0, Trigger("a")), (300, Trigger("b")), (600, Cancel)] => [(200, "a")];

    trailing_fires_after_the_last_trigger: TRAILING, busy 0,
        [(0, Trigger("a")), (150, Trigger("b")), (300, Trigger("c"))] => [(500, "c")];
    trailing_keeps_the_first_payload_if_told: TRAILING.payloads(PayloadRule::First), busy 0,
        [(0, Trigger("a")), (150, Trigger("b"))] => [(350, "a")];
    trailing_keeps_all_payloads_if_told: TRAILING.payloads(ALL), busy 0,
        [(0, Trigger("a")), (150, Trigger("b"))] => [(350, "a+b")];
    trailing_waits_no_longer_than_its_longest_wait: TRAILING.max_wait(ms(400)), busy 0,
        [(0, Trigger("a")), (150, Trigger("b")), (300, Trigger("c")), (450, Trigger("d"))] => [(400, "c"), (650, "d")];
    trailing_fires_with_the_last_trigger_that_it_waits_for: TRAILING.max_count(3), busy 0,
        [(0, Trigger("a")), (100, Trigger("b")), (150, Trigger("c")), (160, Trigger("d"))] => [(150, "c"), (360, "d")];
    trailing_does_not_fire_when_it_is_cancelled: TRAILING, busy 0,
        [(0, Trigger("a")), (150, Trigger("b")), (340, Cancel)] => [];
    trailing_counts_its_longest_wait_anew_after_a_replacement: TRAILING.max_wait(ms(300)), busy 0,
        [(0, Trigger("a")), (150, Replace("b")), (300, Trigger("c")), (400, Trigger("d"))] => [(450, "d")];
    trailing_takes_the_delay_of_its_last_trigger: TRAILING, busy 0,
        [(0, Trigger("a")), (50, In("b", 20))] => [(70, "b")];
    trailing_runs_once_more_for_triggers_during_a_run: TRAILING, busy 600,
        [(0, Trigger("a")), (300, Trigger("b")), (500, Trigger("c"))] => [(200, "a"), (800, "c")];

    leading_fires_at_once_and_drops_what_follows: LEADING, busy 0,
        [(0, Trigger("a")), (50, Trigger("b")), (190, Trigger("c"))] => [(0, "a")];
    leading_fires_again_when_its_interval_is_over: LEADING, busy 0,
        [(0, Trigger("a")), (190, Trigger("b")), (210, Trigger("c"))] => [(0, "a"), (210, "c")];
    leading_is_not_pending_once_it_has_fired: LEADING, busy 0,
        [(0, Trigger("a")), (10, Pending(false)), (20, Cancel), (50, Trigger("b"))] => [(0, "a")];
    leading_fires_at_once_whatever_the_delay: LEADING, busy 0,
        [(0, In("a", 500))] => [(0, "a")];
    leading_waits_for_a_run: LEADING, busy 600,
        [(0, Trigger("a")), (250, Trigger("b")), (300, Trigger("c"))] => [(0, "a"), (600, "b")];

    leading_is_replaced_while_it_waits_for_a_run: LEADING, busy 600,
        [(0, Trigger("a")), (250, Trigger("b")), (300, Replace("c"))] => [(0, "a"), (600, "c")];
    leading_that_is_cancelled_before_it_fires_takes_the_next_trigger: LEADING, busy 600,
        [(0, Trigger("a")), (250, Trigger("b")), (300, Cancel), (320, Trigger("c"))] => [(0, "a"), (600, "c")];

    windows_fire_once_after_their_end: WINDOWS, busy 0,
        [(100, Trigger("a")), (900, Trigger("b")), (1100, Trigger("c"))] => [(1050, "a"), (2050, "c")];
    windows_keep_the_last_payload_if_told: WINDOWS.payloads(PayloadRule::Last), busy 0,
        [(100, Trigger("a")), (900, Trigger("b"))] => [(1050, "b")];
    windows_keep_all_payloads_if_told: WINDOWS.payloads(ALL), busy 0,
        [(100, Trigger("a")), (900, Trigger("b"))] => [(1050, "a+b")];
    windows_are_replaced_one_by_one: WINDOWS, busy 0,
        [(100, Trigger("a")), (500, Replace("b")), (600, Trigger("c"))] => [(1050, "b")];
    windows_are_pending_while_they_last: WINDOWS, busy 0,
        [(100, Trigger("a")), (900, Pending(true)), (1020, Pending(false))] => [(1050, "a")];
    windows_are_cancelled_one_by_one: WINDOWS, busy 0,
        [(100, Trigger("a")), (500, Cancel), (1100, Trigger("b"))] => [(2050, "b")];
    windows_take_an_event_of_the_future: WINDOWS, busy 0,
        [(100, In("a", 1000)), (110, Trigger("b"))] => [(1050, "b"), (2050, "a")];
}
