//! The operations, as they are drawn and shrunk: numbers without meaning until the machine finds one in its state.

use proptest::{collection::vec, option, prelude::*};

/// How many incarnations there are at a time.
pub(crate) const WORKERS: usize = 3;

#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Enqueues, or schedules if there is a due time; unique tasks perhaps twice, as after a lost reply.
    Add {
        tasks: Vec<NewTask>,
        due: Option<When>,
        again: bool,
    },
    Promote {
        max: usize,
    },
    /// As a new incarnation, if the last one left or was recovered.
    Join {
        worker: usize,
        hours: u8,
    },
    Renew {
        worker: usize,
        hours: u8,
    },
    Leave {
        worker: usize,
    },
    Claim {
        worker: usize,
        max: usize,
    },
    ClaimAgain {
        worker: usize,
    },
    Settle {
        worker: usize,
        picks: Vec<Pick>,
        next: Option<usize>,
    },
    SettleAgain {
        worker: usize,
    },
    /// These workers' leases expire.
    Expire {
        workers: [bool; WORKERS],
    },
    Recover {
        poison_after: u32,
    },
    Pause,
    Resume,
    Replay(Choice),
    DeleteDead(Choice),
    TrimDead {
        count: usize,
        hours: u8,
        empty: bool,
    },
    DeadLetters {
        offset: usize,
        limit: usize,
    },
    HoursPass(u8),
}

#[derive(Debug, Clone)]
pub(crate) struct NewTask {
    pub(crate) form: Form,
    /// Which content is unique, and for how long; for envelopes.
    pub(crate) unique: Option<(u8, Span)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Bare,
    Envelope,
    /// An envelope that has seen the death of a worker.
    Crashed,
    NotJson,
    UnknownVersion,
}

/// Half an hour apart from every other, so that nothing happens at the very end of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// Over before the next operation.
    Moment,
    HoursAndAHalf(u8),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    Now,
    In(Span),
    At(Span),
    /// So many milliseconds after the epoch.
    LongAgo(u8),
}

/// What becomes of one of the tasks that a worker has left, counted from here.
#[derive(Debug, Clone)]
pub(crate) struct Pick {
    pub(crate) which: usize,
    pub(crate) fate: Fate,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    Done,
    RetryNow,
    RetryIn(Span),
    Dead,
    Release,
}

#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// The letters at these places, perhaps one of them twice, and an ID that none has.
    Some(Vec<usize>),
    All,
}

pub(crate) fn sequence() -> impl Strategy<Value = Vec<Op>> {
    vec(op(), 40..120)
}

fn op() -> impl Strategy<Value = Op> {
    let worker = || 0..WORKERS;
    let max = || 1_usize..12;
    prop_oneof![
        16 => (vec(new_task(), 0..6), option::weighted(0.3, when()), any::<bool>())
            .prop_map(|(tasks, due, again)| Op::Add { tasks, due, again }),
        5 => max().prop_map(|max| Op::Promote { max }),
        10 => (worker(), hours()).prop_map(|(worker, hours)| Op::Join { worker, hours }),
        2 => (worker(), hours()).prop_map(|(worker, hours)| Op::Renew { worker, hours }),
        1 => worker().prop_map(|worker| Op::Leave { worker }),
        12 => (worker(), max()).prop_map(|(worker, max)| Op::Claim { worker, max }),
        2 => worker().prop_map(|worker| Op::ClaimAgain { worker }),
        16 => (worker(), vec(pick(), 0..6), option::of(max()))
            .prop_map(|(worker, picks, next)| Op::Settle { worker, picks, next }),
        4 => worker().prop_map(|worker| Op::SettleAgain { worker }),
        4 => any::<[bool; WORKERS]>().prop_map(|workers| Op::Expire { workers }),
        6 => prop_oneof![3 => Just(2), 1 => Just(3)].prop_map(|poison_after| Op::Recover { poison_after }),
        1 => Just(Op::Pause),
        3 => Just(Op::Resume),
        2 => choice().prop_map(Op::Replay),
        2 => choice().prop_map(Op::DeleteDead),
        3 => (0_usize..10, hours(), prop::bool::weighted(0.1))
            .prop_map(|(count, hours, empty)| Op::TrimDead { count, hours, empty }),
        2 => (0_usize..5, 0_usize..8).prop_map(|(offset, limit)| Op::DeadLetters { offset, limit }),
        1 => hours().prop_map(Op::HoursPass),
    ]
}

fn hours() -> impl Strategy<Value = u8> {
    0_u8..6
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![1 => Just(Span::Moment), 3 => hours().prop_map(Span::HoursAndAHalf)]
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        Just(When::Now),
        span().prop_map(When::In),
        span().prop_map(When::At),
        any::<u8>().prop_map(When::LongAgo)
    ]
}

fn new_task() -> impl Strategy<Value = NewTask> {
    let plain = prop_oneof![
        2 => Just(Form::Bare),
        2 => Just(Form::Envelope),
        1 => Just(Form::Crashed),
        1 => Just(Form::NotJson),
        1 => Just(Form::UnknownVersion),
    ];
    prop_oneof![
        7 => plain.prop_map(|form| NewTask { form, unique: None }),
        2 => (prop_oneof![Just(Form::Envelope), Just(Form::Crashed)], (0_u8..4, span()))
            .prop_map(|(form, lock)| NewTask { form, unique: Some(lock) }),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    let fate = prop_oneof![
        4 => Just(Fate::Done),
        1 => Just(Fate::RetryNow),
        1 => span().prop_map(Fate::RetryIn),
        2 => Just(Fate::Dead),
        2 => Just(Fate::Release),
    ];
    (0_usize..16, fate).prop_map(|(which, fate)| Pick { which, fate })
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![3 => vec(0_usize..16, 0..4).prop_map(Choice::Some), 1 => Just(Choice::All)]
}
