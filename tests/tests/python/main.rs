//! Life beside the Python package `redis-ext-ramwin`: the same bytes in the same keys.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod canonical_json;
mod debounce;
mod fast_set;
mod json;
mod unique_id;
mod work_queue;
