//! A task may be written as, and read from, another type.

use redis_ext::RedisTask;
use serde::{Deserialize, Serialize};

#[path = "../support/mod.rs"]
mod support;

#[derive(Serialize, Deserialize)]
struct Wire {
    celsius: i32,
}

#[derive(Clone, RedisTask)]
#[serde(from = "Wire", into = "Wire")]
struct Reading(i32);

impl From<Wire> for Reading {
    fn from(wire: Wire) -> Self {
        Self(wire.celsius)
    }
}

impl From<Reading> for Wire {
    fn from(reading: Reading) -> Self {
        Self { celsius: reading.0 }
    }
}

#[derive(Debug, Clone, RedisTask)]
#[serde(try_from = "u8", into = "u8")]
struct Percent(u8);

impl TryFrom<u8> for Percent {
    type Error = String;

    fn try_from(percent: u8) -> Result<Self, String> {
        if percent <= 100 { Ok(Self(percent)) } else { Err(format!("{percent} is more than 100")) }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

fn main() {
    support::assert_wire(&Reading(21), r#"{"celsius":21}"#);
    support::assert_wire(&Percent(21), "21");
    assert_eq!(Percent::decode(b"101").unwrap_err().to_string(), "101 is more than 100");
}
