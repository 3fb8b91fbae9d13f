//! What the derive macro's output names; not for people, and free to change in any release.

pub use serde;

pub use crate::{
    codec::{decode, encode},
    debounce::KeyWriter,
};
