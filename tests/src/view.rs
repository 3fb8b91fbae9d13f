//! What a view of a set of numbers showed, short enough for a line.

use std::{fmt, str::FromStr};

/// A version, and which members the set had at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The version.
    pub version: u64,
    /// How many members there were.
    pub len: usize,
    /// Their fingerprint, in whatever order they came.
    pub sum: u64,
}

impl View {
    /// The view that shows these numbers.
    pub fn of(version: u64, members: impl IntoIterator<Item = u32>) -> Self {
        members.into_iter().fold(Self { version, len: 0, sum: 0 }, |view, member| Self {
            len: view.len + 1,
            sum: view.sum ^ scattered(member),
            ..view
        })
    }
}

/// The finalizer of SplitMix64 (G. L. Steele, D. Lea, C. H. Flood: *Fast Splittable Pseudorandom Number Generators*,
/// 2014): numbers that look random, so that no two likely sets have the same exclusive or.
fn scattered(member: u32) -> u64 {
    let mut mixed = (u64::from(member) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.version, self.len, self.sum)
    }
}

impl FromStr for View {
    type Err = std::num::ParseIntError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let mut fields = line.split(' ');
        let mut next = || fields.next().unwrap_or_default();
        Ok(Self { version: next().parse()?, len: next().parse()?, sum: next().parse()? })
    }
}
