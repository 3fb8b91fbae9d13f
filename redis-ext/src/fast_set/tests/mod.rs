//! The engine without its actor, and its parts: against a store that misbehaves on purpose, on a clock that the tests
//! move.

mod engine;
mod loading;
mod replica;

use crate::backend::{ChangeId, DeltaMembers, SetDelta, SetMark};

fn mark(version: u64, change: u64, len: u64) -> SetMark {
    SetMark { version, change: Some(ChangeId(change)), len }
}

/// The change that leads from `before` to the version after it.
fn delta(before: SetMark, change: u64, removed: &[u32], added: &[u32]) -> SetDelta {
    let members = |numbers: &[u32]| numbers.iter().map(|number| number.to_string().into_bytes()).collect::<Vec<_>>();
    let (gone, come) = (removed.len() as u64, added.len() as u64);
    SetDelta {
        before,
        after: mark(before.version + 1, change, before.len + come - gone),
        removed: gone,
        added: come,
        members: Some(DeltaMembers { removed: members(removed), added: members(added) }),
    }
}
