//! Slugs: the names of issues, fit to be part of a URL and to name a file.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of an issue: small letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

/// A text that is no slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot name an issue: 1 to {} small letters, digits and hyphens can", Slug::MAX_BYTES)]
pub struct InvalidSlug {
    text: String,
}

impl Slug {
    /// The longest slug.
    pub const MAX_BYTES: usize = 64;
}

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Slug {
    type Error = InvalidSlug;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        let is_allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if fits && text.bytes().all(is_allowed) { Ok(Self(text)) } else { Err(InvalidSlug { text }) }
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_leads_out_of_no_directory() {
        for text in ["", "..", "a/b", "a.json", "Ada", &"a".repeat(Slug::MAX_BYTES + 1)] {
            assert!(text.parse::<Slug>().is_err(), "{text:?}");
        }
        assert!("2026-w48".parse::<Slug>().is_ok());
    }
}
