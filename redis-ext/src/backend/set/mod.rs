//! The sets role: a set of opaque members with a version, and a log of its latest changes beside it.
//!
//! `name` names a set, `change` is what happens to it. A cache of a set stands at a [`SetMark`] and follows the
//! [`SetDelta`]s, each of which leads from exactly one mark to the next.

mod change;
mod name;

use async_trait::async_trait;

pub use self::{
    change::{ChangeId, DeltaMembers, SetChange, SetChanged, SetDelta, SetEdit, SetMark},
    name::{InvalidSetName, MAX_SET_NAME_BYTES, SetName},
};
use super::BackendError;

/// What a backend must do for sets.
///
/// # Contract
/// Members are bytes that mean nothing to the backend. A set that was never written to is empty and has the version 0.
/// Every change that adds or removes a member adds one to the version in the same step, and a change that does neither
/// leaves it alone. The latest changes are remembered, some hundred at least, so that caches can follow and a repeated
/// change is recognized by its [`ChangeId`].
///
/// The set may be changed by others who know nothing of this library: they may bump the version without a trace in the
/// log, or not even bump it. No [`SetDelta`] leads over such a change if they bump the version or if the count of the
/// members differs, and a [watch](Self::watch_set) tells of all others.
///
/// # Errors
/// [`BackendError`], of any kind that fits; [`Corrupt`](crate::BackendErrorKind::Corrupt) when the version is no
/// whole number from 0 to 10¹⁵ − 1. Repeating a call that [may have been applied](BackendError::is_maybe_applied)
/// does no harm.
///
/// # Cancel safety
/// Dropping a call's future leaves it open whether the call was applied.
///
/// # Examples
/// ```
/// use redis_ext::backend::{SetBackend, SetChange, SetChanged, SetEdit, SetMark, SetNews};
/// use redis_ext_memory::MemoryBackend;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (backend, flags) = (MemoryBackend::new(), "flags".parse()?);
/// let edit = SetEdit::Apply { remove: vec![], add: vec![b"\"dark_mode\"".to_vec()] };
/// let SetChanged::Changed(delta) = backend.change_set(&flags, &SetChange::new(edit)).await? else { panic!() };
/// assert_eq!((delta.before, delta.after.version, delta.after.len), (SetMark::NEW, 1, 1));
///
/// // A cache that stood at the mark before follows the change; one that stands there already has nothing to do.
/// let state = backend.set_state(&flags, Some(SetMark::NEW)).await?;
/// assert_eq!(state.news, SetNews::Deltas(vec![delta.clone()]));
/// assert_eq!(backend.set_state(&flags, Some(delta.after)).await?.news, SetNews::Deltas(vec![]));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
// Not in tests: mockall would copy it to a place where it makes no sense.
#[cfg_attr(
    not(test),
    diagnostic::on_unimplemented(
        message = "`{Self}` is not a backend",
        label = "not a backend that holds sets",
        note = "a backend is what `RedisBackend::connect(url).await?` or `MemoryBackend::new()` gives, or an `Arc<dyn Backend>`",
        note = "it is passed as `&backend` to a call such as `enqueue`, and as `backend.clone()` to a builder or a handle that keeps it"
    )
)]
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait SetBackend: Send + Sync + 'static {
    /// Where the set stands, and what led there from `since`; without `since`, or when that is not known, its members
    /// if they are at most [`MAX_BATCH`](super::MAX_BATCH). All of it is of one moment.
    async fn set_state(&self, set: &SetName, since: Option<SetMark>) -> Result<SetState, BackendError>;

    /// A part of the members: the first with [`SetCursor::START`], and each next one with the cursor of the one before.
    /// A member that is in the set from the first part to the last is in one of them at least; one that comes or
    /// goes meanwhile may be.
    async fn scan_set(&self, set: &SetName, cursor: &SetCursor) -> Result<SetPage, BackendError>;

    /// Copies the set as it is at this moment, for those who cannot scan it as others change it too fast. The copy is a
    /// set of another name, which can be scanned for a minute and then is gone.
    async fn copy_set(&self, set: &SetName) -> Result<SetCopy, BackendError>;

    /// Makes a change, whole and in one step, however many members it names.
    ///
    /// A change that was made before, and is remembered, is not made again, and answers the same.
    async fn change_set(&self, set: &SetName, change: &SetChange) -> Result<SetChanged, BackendError>;

    /// Whether these, at most [`MAX_BATCH`](super::MAX_BATCH), are members, in their order.
    async fn set_contains(&self, set: &SetName, members: &[Vec<u8>]) -> Result<Vec<bool>, BackendError>;

    /// A watch over the set, not armed yet.
    ///
    /// # Errors
    /// None for a store that is away at the moment: that is told when the watch is armed.
    /// [`Config`](crate::BackendErrorKind::Config) when the store cannot tell of changes at all.
    async fn watch_set(&self, set: &SetName) -> Result<Box<dyn SetWatch>, BackendError>;
}

/// Tells that a set has changed, whoever changed it. One party uses it.
///
/// # Examples
/// ```
/// use redis_ext::backend::{SetBackend, SetChange, SetEdit, SetWatch};
/// use redis_ext_memory::MemoryBackend;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (backend, flags) = (MemoryBackend::new(), "flags".parse()?);
/// let watch = backend.watch_set(&flags).await?;
/// let seen = watch.arm(None).await?.state.mark;
/// assert!(watch.confirm().await?, "nothing has changed");
/// backend.change_set(&flags, &SetChange::new(SetEdit::Replace(vec![b"1".to_vec()]))).await?;
/// watch.disturbed().await;
/// let armed = watch.arm(Some(seen)).await?;
/// assert!(armed.unbroken && armed.touched && armed.state.mark.version == 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait SetWatch: Send + Sync {
    /// Looks at the set as [`set_state`](SetBackend::set_state) does; from the moment of that look on, the next change
    /// will be told.
    ///
    /// # Errors
    /// [`BackendError`] when the store cannot be reached this way, at once and without waiting for it: what changes
    /// from then on is not told, until arming succeeds.
    async fn arm(&self, since: Option<SetMark>) -> Result<ArmedState, BackendError>;

    /// Proves that whatever changed since the watch was armed and before this call has been told; the answer is whether
    /// that is nothing.
    ///
    /// # Errors
    /// [`BackendError`] when it cannot be proven, as the store is silent.
    async fn confirm(&self) -> Result<bool, BackendError>;

    /// Waits until a change is told, the watch breaks, or arming may succeed again after it failed. It does not wait
    /// when that has happened since `arm` was last called.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    async fn disturbed(&self);
}

/// Where a set stands at one moment.
///
/// # Examples
/// See [`SetBackend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetState {
    /// The mark at which it stands.
    pub mark: SetMark,
    /// What led there.
    pub news: SetNews,
}

/// What leads a reader to a set's present state.
///
/// # Examples
/// See [`SetBackend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetNews {
    /// The changes since the mark that was asked about, in their order; none if the set stands there still. The reader
    /// must check that each begins where the one before it ended.
    Deltas(Vec<SetDelta>),
    /// All members, each once.
    Members(Vec<Vec<u8>>),
    /// The members are too many for one answer: [`SetBackend::scan_set`] gives them in parts.
    Scan,
}

/// What an armed watch saw.
///
/// # Examples
/// See [`SetWatch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmedState {
    /// The set at the moment from which on changes are told.
    pub state: SetState,
    /// Whether the watch has told of everything since it was armed the time before. If not, anything may have happened
    /// meanwhile, in a store that is perhaps not even the same.
    pub unbroken: bool,
    /// Whether the members, and not only the version, were told of as changed since the time before. If the mark is the
    /// same nevertheless, someone who does not keep to the version has changed them. (What is told while a look that
    /// shows the change already is under way does not count.)
    pub touched: bool,
}

/// Where a scan goes on; the bytes mean nothing to their user.
///
/// # Examples
/// See [`SetBackend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCursor(pub Vec<u8>);

impl SetCursor {
    /// Where a scan starts.
    pub const START: Self = Self(Vec::new());
}

/// A copy of a set that nobody changes.
///
/// # Examples
/// See [`SetBackend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCopy {
    /// The name of the copy.
    pub name: SetName,
    /// Where the set stood when it was copied.
    pub mark: SetMark,
}

/// A part of a set.
///
/// # Examples
/// See [`SetBackend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetPage {
    /// Its members.
    pub members: Vec<Vec<u8>>,
    /// Where the next part begins, if this is not the last.
    pub next: Option<SetCursor>,
}
