//! One set's watch: what the tracker heard of its keys since it was armed.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{Tracker, of_set, state, state_request, tracker::Connected};
use crate::backend::{
    ArmedState, BackendError, BackendErrorKind, Operation, SetMark, SetName, SetWatch,
    redis::{keys::SetKeys, scripts::Request},
};

pub(super) struct Watch {
    set: SetName,
    tracker: Arc<Tracker>,
    ears: Arc<Ears>,
    /// Where the set stood when the watch was armed last.
    armed: Mutex<Option<SetMark>>,
}

/// What was heard.
#[derive(Debug)]
pub(super) struct Ears {
    pub(super) value: Vec<u8>,
    pub(super) version: Vec<u8>,
    /// Something was heard.
    disturbed: AtomicBool,
    /// How often it was of the members: the server tells once for each time that the watch is armed.
    touches: AtomicU64,
    /// The connection that was armed is still there.
    unbroken: AtomicBool,
    wake: Notify,
}

impl Watch {
    pub(super) fn over(set: SetName, tracker: &Arc<Tracker>) -> Self {
        let keys = SetKeys::of(&set);
        let ears = Arc::new(Ears {
            value: keys.value().into_bytes(),
            version: keys.version().into_bytes(),
            disturbed: AtomicBool::new(false),
            touches: AtomicU64::new(0),
            unbroken: AtomicBool::new(false),
            wake: Notify::new(),
        });
        tracker.register(&ears);
        Self { set, tracker: Arc::clone(tracker), ears, armed: Mutex::new(None) }
    }

    /// The news of a change may be heard while the look that already shows it is under way. It came before the reply, and
    /// what is heard next time must not be taken for a change without a version because of it.
    fn discount_late_news(&self, touches_before: u64, mark: SetMark) {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner).replace(mark);
        let is_due = touches_before == 0 && armed.is_some_and(|armed| armed != mark);
        if is_due {
            // The error is that there is none.
            let _ = self.ears.touches.fetch_update(SeqCst, SeqCst, |touches| touches.checked_sub(1));
        }
    }
}

impl Ears {
    pub(super) fn hear_version(&self) {
        self.disturb();
    }

    pub(super) fn hear_value(&self) {
        self.touches.fetch_add(1, SeqCst);
        self.disturb();
    }

    /// Arming may succeed now, where it has not already.
    pub(super) fn hear_of_a_connection(&self) {
        if !self.unbroken.load(SeqCst) {
            self.disturb();
        }
    }

    /// The connection is gone, and whatever it should have told.
    pub(super) fn hear_of_the_end(&self) {
        self.unbroken.store(false, SeqCst);
        self.disturb();
    }

    fn disturb(&self) {
        self.disturbed.store(true, SeqCst);
        self.wake.notify_one();
    }
}

#[async_trait]
impl SetWatch for Watch {
    async fn arm(&self, since: Option<SetMark>) -> Result<ArmedState, BackendError> {
        // Before the request: what is heard from here on may be new to it, and is looked at once more.
        self.ears.disturbed.store(false, SeqCst);
        let touches = self.ears.touches.swap(0, SeqCst);
        let unbroken = self.ears.unbroken.swap(true, SeqCst);
        let connected = self.tracker.connected().inspect_err(|_| {
            self.ears.unbroken.store(false, SeqCst);
            // It may have come since, and would not have told a watch that seemed to be armed.
            if self.tracker.connected().is_ok() {
                self.ears.disturb();
            }
        });
        let Connected { generation, connection } = connected?;
        let armed = async {
            let reply = self.tracker.send(generation, connection, &state_request(&self.set, since)).await?;
            state(Operation::WatchSet, reply)
        };
        match armed.await {
            Ok(state) => {
                self.discount_late_news(touches, state.mark);
                Ok(ArmedState { state, unbroken, touched: touches > 0 })
            }
            Err(error) => {
                self.ears.unbroken.store(false, SeqCst);
                Err(of_set(&self.set, error))
            }
        }
    }

    async fn confirm(&self) -> Result<bool, BackendError> {
        if !self.ears.unbroken.load(SeqCst) {
            return Err(BackendError::new(BackendErrorKind::Unavailable, Operation::WatchSet));
        }
        let Connected { generation, connection } = self.tracker.connected()?;
        // Replies and pushes come in the server's order, and a push is heard before the reply behind it is given on.
        self.tracker.send(generation, connection, &Request::command("PING")).await?;
        Ok(!self.ears.disturbed.load(SeqCst))
    }

    async fn disturbed(&self) {
        while !self.ears.disturbed.load(SeqCst) {
            self.ears.wake.notified().await;
        }
    }
}
