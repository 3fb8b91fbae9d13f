//! The errors of every backend: what kind, in which operation, and what to do about it.

use std::{error::Error, fmt, sync::Arc};

/// A backend's failure.
///
/// `Display` says what failed and what to do; the store's own error is the [`source`](Error::source).
///
/// # Examples
/// ```
/// use redis_ext::{BackendError, BackendErrorKind, backend::Operation};
///
/// let error = BackendError::new(BackendErrorKind::Overloaded, Operation::Enqueue);
/// assert!(error.is_retryable() && !error.is_maybe_applied());
/// assert!(error.to_string().starts_with("enqueue: the store is overloaded"));
/// ```
#[derive(Debug, Clone)]
pub struct BackendError {
    kind: BackendErrorKind,
    operation: Operation,
    maybe_applied: bool,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What sort of failure it is.
///
/// # Examples
/// See [`BackendError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// The store cannot be reached, is loading, or does not take writes at the moment.
    Unavailable,
    /// The store did not answer in time.
    Timeout,
    /// The store has no room or no time: out of memory, or busy with a script.
    Overloaded,
    /// The worker's lease has expired and its tasks were given to others.
    LeaseLost,
    /// What the store holds is not what this library wrote.
    Corrupt,
    /// A key of the queue or set holds something else, such as a text where a list belongs.
    WrongType,
    /// The store refuses this client: its credentials, its rights or its settings are wrong.
    Config,
    /// A task is larger than the backend's limit, or a call has more items than one may have.
    TooLarge,
    /// The counter of a class of IDs has reached its end.
    Exhausted,
    /// Anything else.
    Unexpected,
}

impl BackendErrorKind {
    /// Whether the same call may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Unavailable | Self::Timeout | Self::Overloaded)
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Unavailable => "the store is unavailable; is it running, and is the address right?",
            Self::Timeout => "the store did not answer in time; look at its load and at the network",
            Self::Overloaded => "the store is overloaded; give it memory (on Redis `maxmemory`) or drain the queues",
            Self::LeaseLost => "the worker's lease was lost and its tasks were given to other workers",
            Self::Corrupt => "the store holds something that this library did not write",
            Self::WrongType => {
                "a key is used for something else, too; rename the queue, the class or the set, or the other user"
            }
            Self::Config => {
                "the store cannot be used like this; look at its address and version, and at the credentials and rights (ACL) there"
            }
            Self::TooLarge => {
                "the call is over a limit; keep a task's large data elsewhere, or raise `max_entry_bytes`, or make calls of fewer items"
            }
            Self::Exhausted => "the class has no IDs left; look at who has moved its counter, and use another class",
            Self::Unexpected => "the store failed in an unexpected way",
        }
    }
}

/// The operation that failed.
///
/// # Examples
/// See [`BackendError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the operation of a role that has its name")]
pub enum Operation {
    Connect,
    Enqueue,
    Schedule,
    Promote,
    Join,
    Renew,
    Leave,
    Claim,
    Settle,
    Cancel,
    Cancelled,
    Recover,
    DeadLetters,
    Replay,
    DeleteDead,
    TrimDead,
    Inspect,
    Pause,
    Resume,
    BeginEffect,
    FinishEffect,
    AssignIds,
    FindIds,
    ForgetIds,
    FindKeys,
    ReserveIds,
    OfferIds,
    Trigger,
    DueTimes,
    CancelFirings,
    ClaimFirings,
    RenewFirings,
    SettleFirings,
    RecoverFirings,
    PeekFirings,
    Quarantined,
    ReleaseQuarantined,
    DeleteQuarantined,
    InspectDebounce,
    ClearFirings,
    WatchFirings,
    Time,
    SetState,
    ScanSet,
    CopySet,
    ChangeSet,
    SetContains,
    WatchSet,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Enqueue => "enqueue",
            Self::Schedule => "schedule",
            Self::Promote => "promote",
            Self::Join => "join",
            Self::Renew => "renew",
            Self::Leave => "leave",
            Self::Claim => "claim",
            Self::Settle => "settle",
            Self::Cancel => "cancel",
            Self::Cancelled => "look for cancelled tasks",
            Self::Recover => "recover",
            Self::DeadLetters => "dead letters",
            Self::Replay => "replay",
            Self::DeleteDead => "delete dead letters",
            Self::TrimDead => "trim dead letters",
            Self::Inspect => "inspect",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::BeginEffect => "begin an effect",
            Self::FinishEffect => "finish an effect",
            Self::AssignIds => "assign IDs",
            Self::FindIds => "find IDs",
            Self::ForgetIds => "forget IDs",
            Self::FindKeys => "find keys by their IDs",
            Self::ReserveIds => "reserve IDs",
            Self::OfferIds => "offer IDs",
            Self::Trigger => "trigger",
            Self::DueTimes => "due times",
            Self::CancelFirings => "cancel firings",
            Self::ClaimFirings => "claim firings",
            Self::RenewFirings => "renew firings",
            Self::SettleFirings => "settle firings",
            Self::RecoverFirings => "recover firings",
            Self::PeekFirings => "peek firings",
            Self::Quarantined => "quarantined firings",
            Self::ReleaseQuarantined => "release quarantined firings",
            Self::DeleteQuarantined => "delete quarantined firings",
            Self::InspectDebounce => "inspect a debouncer",
            Self::ClearFirings => "clear firings",
            Self::WatchFirings => "watch firings",
            Self::Time => "ask for the time",
            Self::SetState => "look at a set",
            Self::ScanSet => "scan a set",
            Self::CopySet => "copy a set",
            Self::ChangeSet => "change a set",
            Self::SetContains => "look up members of a set",
            Self::WatchSet => "watch a set",
        })
    }
}

impl BackendError {
    /// A failure that certainly changed nothing.
    #[must_use]
    pub fn new(kind: BackendErrorKind, operation: Operation) -> Self {
        Self { kind, operation, maybe_applied: false, source: None }
    }

    /// The same with the store's own error behind it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// The same, of an operation that may have been applied all the same.
    #[must_use]
    pub fn maybe_applied(mut self) -> Self {
        self.maybe_applied = true;
        self
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> BackendErrorKind {
        self.kind
    }

    /// The operation that failed.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Whether the same call may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }

    /// Whether the operation may have been applied although it failed, as when the reply was lost.
    #[must_use]
    pub fn is_maybe_applied(&self) -> bool {
        self.maybe_applied
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.kind.advice())?;
        if self.maybe_applied { f.write_str(" (the operation may have been applied)") } else { Ok(()) }
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
