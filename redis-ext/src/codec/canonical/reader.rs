//! JSON that is there already, copied into a [`Writer`] token by token, however deep it nests.
//!
//! serde_json says whether it is JSON; after that its tokens tell themselves apart by their first byte. It does not read
//! the numbers too, as it would lose digits of them, in a way that depends on the features it is built with.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    Error,
    writer::{Array, Object, Writer},
};

/// What the next token lies in.
enum Container {
    Array(Array),
    Object { object: Object, key_follows: bool },
}

/// Writes `json` as the next value.
pub(super) fn copy(json: &RawValue, writer: &mut Writer) -> Result<(), Error> {
    let mut open = Vec::new();
    let mut rest = json.get();
    while let Some(first) = rest.bytes().next() {
        let (token, after) = rest.split_at(length_of_token(rest));
        rest = after;
        match first {
            b' ' | b'\t' | b'\n' | b'\r' | b':' => {}
            b',' => {
                if let Some(Container::Object { key_follows, .. }) = open.last_mut() {
                    *key_follows = true;
                }
            }
            b'}' | b']' => match open.pop() {
                Some(Container::Object { object, .. }) => writer.end_object(&object),
                _ => writer.end_array(),
            },
            _ => copy_key_or_value(first, token, &mut open, writer)?,
        }
    }
    Ok(())
}

fn copy_key_or_value(first: u8, token: &str, open: &mut Vec<Container>, writer: &mut Writer) -> Result<(), Error> {
    match open.last_mut() {
        Some(Container::Object { object, key_follows }) if *key_follows => {
            *key_follows = false;
            return writer.str_key(object, &unescaped(token)?);
        }
        Some(Container::Array(array)) => writer.element(array),
        _ => {}
    }
    match first {
        b'{' => open.push(Container::Object { object: writer.begin_object(), key_follows: true }),
        b'[' => open.push(Container::Array(writer.begin_array())),
        b'"' => writer.text(&unescaped(token)?)?,
        b't' | b'f' | b'n' => writer.literal(token)?,
        _ => writer.number(token)?,
    }
    Ok(())
}

/// How many bytes of `json` belong to its first token.
fn length_of_token(json: &str) -> usize {
    let end = match json.as_bytes() {
        [b'"', text @ ..] => {
            let mut is_escaped = false;
            let quote = text.iter().position(|byte| {
                let ends = *byte == b'"' && !is_escaped;
                is_escaped = *byte == b'\\' && !is_escaped;
                ends
            });
            quote.map(|at| at + 2)
        }
        [b'-' | b'0'..=b'9' | b't' | b'f' | b'n', ..] => {
            json.find(|c| !matches!(c, '-' | '+' | '.' | '0'..='9' | 'a'..='z' | 'E'))
        }
        _ => Some(1),
    };
    end.unwrap_or(json.len())
}

/// The text that a token with quotes stands for.
fn unescaped(token: &str) -> Result<Cow<'_, str>, Error> {
    if token.contains('\\') {
        return Ok(Cow::Owned(serde_json::from_str(token)?));
    }
    Ok(Cow::Borrowed(&token[1..token.len() - 1]))
}
