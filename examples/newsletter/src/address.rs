//! Mail addresses: checked where they come in, so that nothing further inside has to.

use std::{fmt, str::FromStr};

use lettre::address::AddressError;
use serde::{Deserialize, Serialize};

/// An address in lower case: whoever subscribes as `Ada@` and as `ada@` is one subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a mail address")]
pub struct InvalidAddress {
    text: String,
    source: AddressError,
}

impl Address {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@` and before a `+`.
    pub fn mailbox(&self) -> &str {
        self.0.split(['+', '@']).next().unwrap_or_default()
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.trim().to_lowercase();
        match address.parse::<lettre::Address>() {
            Ok(_) => Ok(Self(address)),
            Err(source) => Err(InvalidAddress { text: text.to_owned(), source }),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_has_one_spelling() -> Result<(), InvalidAddress> {
        let address: Address = " Ada+News@Example.ORG".parse()?;
        assert_eq!((address.as_str(), address.mailbox()), ("ada+news@example.org", "ada"));
        Ok(())
    }

    #[test]
    fn what_could_forge_a_header_is_no_address() {
        for text in ["", "ada", "ada@", "ada@example.org\r\nBcc: bob@example.org", "ada@example.org, bob@example.org"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
