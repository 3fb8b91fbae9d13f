//! Durations as people write them: whole numbers with units, `"250ms"`, `"30s"`, `"1h30m"`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// The units, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A duration in whole milliseconds; it prints as the `core::time::Duration` of that length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(u64);

impl Millis {
    /// 36,500 days.
    pub(crate) const CENTURY: Self = Self(36_500 * 86_400_000);

    /// Reads one or more numbers with their units, which add up. The error says what is wrong with `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the duration is empty; write a number and a unit, such as \"30s\"".into());
        }
        let mut total = 0u64;
        let mut rest = text;
        while !rest.is_empty() {
            let (number, after_number) = split_where(rest, |c| !c.is_ascii_digit());
            let (unit, after_unit) = split_where(after_number, |c| c.is_ascii_digit());
            total =
                part(text, number, unit).and_then(|millis| total.checked_add(millis).ok_or_else(|| too_long(text)))?;
            rest = after_unit;
        }
        Ok(Self(total))
    }

    /// Like [`parse`](Self::parse), but zero is an error, too.
    pub(crate) fn parse_positive(text: &str) -> Result<Self, String> {
        match Self::parse(text)? {
            Self(0) => Err(format!("`{text}` is no time at all; it must be longer than zero")),
            positive => Ok(positive),
        }
    }

    pub(crate) fn is_whole_seconds(self) -> bool {
        self.0.is_multiple_of(1_000)
    }
}

impl ToTokens for Millis {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self(millis) = self;
        tokens.extend(quote!(::core::time::Duration::from_millis(#millis)));
    }
}

/// One number with its unit, in milliseconds; `text` is the whole they are a part of.
fn part(text: &str, number: &str, unit: &str) -> Result<u64, String> {
    if number.is_empty() {
        return Err(format!("`{text}` is not a duration; write a number and a unit, such as \"30s\""));
    }
    if unit.is_empty() {
        return Err(format!("`{text}` has no unit; did you mean \"{text}s\" or \"{text}ms\"?"));
    }
    let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let names = UNITS.map(|(name, _)| format!("`{name}`")).join(", ");
        return Err(format!("`{unit}` is not a unit of time; the units are {names}"));
    };
    // All are digits, so the number fails to parse only when it is too large.
    let count = number.parse::<u64>().map_err(|_| too_long(text))?;
    count.checked_mul(*length).ok_or_else(|| too_long(text))
}

fn too_long(text: &str) -> String {
    format!("`{text}` is too long: a duration has at most {} milliseconds", u64::MAX)
}

/// `text` before and from the first character that `is_next` accepts.
fn split_where(text: &str, is_next: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_next).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_has_its_length() {
        for (text, millis) in
            [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000), ("0s", 0)]
        {
            assert_eq!(Millis::parse(text), Ok(Millis(millis)), "{text}");
        }
    }

    #[test]
    fn parts_add_up() {
        assert_eq!(Millis::parse("1h30m"), Ok(Millis(5_400_000)));
        assert_eq!(Millis::parse("1s1ms"), Ok(Millis(1_001)));
    }

    #[test]
    fn the_error_names_what_is_wrong() {
        for (text, part_of_message) in [
            ("", "is empty"),
            ("30", "no unit"),
            ("1m30", "no unit"),
            ("s", "not a duration"),
            ("-1s", "not a duration"),
            ("30sec", "`sec` is not a unit"),
            ("1.5s", "`.` is not a unit"),
            ("30 s", "` s` is not a unit"),
            ("99999999999999999999s", "too long"),
            ("18446744073709551615s", "too long"),
            ("18446744073709551615ms1ms", "too long"),
        ] {
            let error = Millis::parse(text).err().unwrap_or_default();
            assert!(error.contains(part_of_message), "{text}: {error}");
        }
    }

    #[test]
    fn zero_is_refused_where_a_positive_duration_is_asked_for() {
        assert!(Millis::parse_positive("0s").is_err());
        assert_eq!(Millis::parse_positive("1ms"), Ok(Millis(1)));
    }
}
