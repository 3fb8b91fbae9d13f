//! JSON in which equal values are equal bytes: members of sets and sorted sets, and what is deduplicated by its content.
//!
//! It is spelt to the byte as Python's `json.dumps` does in `redis-ext-ramwin`, so that both libraries share their keys:
//! separators `", "` and `": "`, floats as Python's `repr` (`1.0`, `1e-05`, `1e+16`, `-0.0`), integers exact at any size.
//! What else there is to spelling is the [`Style`].
//!
//! What JSON values a type has is as in serde_json (enums, options, bytes, maps with keys of numbers), with these
//! differences:
//! - A float that is not finite is an error, not `null`.
//! - Where a map gives a key twice, the last value counts, at the place of the first, as in a Python `dict`.
//! - Keys are sorted as texts, whatever they were: `{2: …, 10: …}` becomes `{"10": …, "2": …}`. Python sorts the
//!   numbers of a `dict[int, …]` as numbers, but once it has read them back they are texts to it as well.
//! - JSON within the value ([`RawValue`](serde_json::value::RawValue)) is respelt like everything around it.
//!
//! Python has no `f32`: one is written as the double with the same shortest digits, `0.1` and not `0.10000000149011612`,
//! so that it equals the number that a Python program would add.
//!
//! The order of serde_json's own maps, which any crate of a program can change, never shows where keys are sorted.

mod float;
mod key;
mod reader;
mod serializer;
#[cfg(test)]
mod tests;
mod writer;

use serde::Serialize;

use self::writer::Writer;
use super::CodecError;

/// How canonical JSON orders keys and writes what is not ASCII.
///
/// # Examples
/// ```
/// use redis_ext::codec::canonical::{Style, respell};
///
/// let json = r#"{"to": "Zoë", "cc": null}"#.as_bytes();
/// assert_eq!(respell(json, Style::Ascii)?, br#"{"cc": null, "to": "Zo\u00eb"}"#);
/// assert_eq!(respell(json, Style::Utf8)?, r#"{"cc": null, "to": "Zoë"}"#.as_bytes());
///
/// let json = br#"[{"to": 1, "cc": 2}]"#;
/// assert_eq!(respell(json, Style::Ascii)?, br#"[{"cc": 2, "to": 1}]"#);
/// assert_eq!(respell(json, Style::Utf8)?, br#"[{"to": 1, "cc": 2}]"#);
/// # Ok::<(), redis_ext::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Style {
    /// Keys sorted by code point at every depth; everything outside U+0020 to U+007E as `\uXXXX`.
    ///
    /// The members of a set. In Python `json.dumps(value, sort_keys=True)`, as in `FastSet` and `CandleStickTask`.
    Ascii,
    /// Keys sorted by code point at every depth if the value is an object, and as they come if it is an array (in which
    /// a struct's fields come as declared); texts in UTF-8 with only `"`, `\` and U+0000 to U+001F escaped.
    ///
    /// What is debounced. In Python `json.dumps(value, ensure_ascii=False, sort_keys=isinstance(value, dict))`, as in
    /// `DebounceInfoTask` and `JsonTaskQueue`.
    Utf8,
}

/// Writes `value` in this style.
///
/// # Errors
/// [`CodecError`] when the value has no such form: a float is not finite, a map's key is neither text nor number nor
/// truth value, or its own `Serialize` refuses.
///
/// # Examples
/// ```
/// use redis_ext::codec::canonical::{Style, to_vec};
///
/// let coordinates = std::collections::HashMap::from([("x", 1e16), ("X", 0.5)]);
/// assert_eq!(to_vec(&coordinates, Style::Ascii)?, br#"{"X": 0.5, "x": 1e+16}"#);
/// assert!(to_vec(&f64::NAN, Style::Ascii).is_err());
/// # Ok::<(), redis_ext::CodecError>(())
/// ```
pub fn to_vec<T: Serialize + ?Sized>(value: &T, style: Style) -> Result<Vec<u8>, CodecError> {
    let mut writer = Writer::new(style);
    value.serialize(&mut writer).map_err(CodecError::new)?;
    Ok(writer.into_bytes())
}

/// Writes `json`, which may be spelt in any way, in this style.
///
/// # Errors
/// [`CodecError`] when it is not JSON, or has half of a surrogate pair, or a number that is neither an integer nor within
/// the range of doubles.
///
/// # Examples
/// ```
/// use redis_ext::codec::canonical::{Style, respell};
///
/// let json = br#" {"b":1E5, "a":[1.50,18446744073709551616]} "#;
/// assert_eq!(respell(json, Style::Utf8)?, br#"{"a": [1.5, 18446744073709551616], "b": 100000.0}"#);
/// # Ok::<(), redis_ext::CodecError>(())
/// ```
pub fn respell(json: &[u8], style: Style) -> Result<Vec<u8>, CodecError> {
    let mut writer = Writer::new(style);
    let json = serde_json::from_slice(json).map_err(CodecError::new)?;
    reader::copy(json, &mut writer).map_err(CodecError::new)?;
    Ok(writer.into_bytes())
}

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0} has no form in JSON: only finite numbers have")]
    NotFinite(f64),
    #[error("a map's key is {0}: only texts, numbers, truth values and variants without content can be keys in JSON")]
    Key(&'static str),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("{0:?} is not a number")]
    Number(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("a value could not be turned into text")]
    Text(#[from] std::fmt::Error),
    #[error("{0}")]
    Refused(String),
}

impl Error {
    fn number(text: &str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Number(text.to_owned(), Box::new(source))
    }
}

impl serde::ser::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Refused(message.to_string())
    }
}
