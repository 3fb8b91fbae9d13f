//! A short cut to the usual envelope: of a task without options of its own, as this library spells it.
//!
//! Nearly all entries are such, and stay so through retries and crashes. What the short cut does not recognize, be it
//! right or wrong, is for serde to judge.

use crate::task::{TaskId, Timestamp};

/// The fields of a usual envelope.
pub(super) struct Usual<'a> {
    pub(super) id: TaskId,
    pub(super) enqueued_at: Option<Timestamp>,
    pub(super) attempt: u32,
    pub(super) crashes: u32,
    pub(super) payload: &'a [u8],
}

/// Reads an entry that is spelled `{"redis_ext":1,"id":"…","enqueued_at":…,"attempt":…,"crashes":…,"payload":…}`, where the
/// time and the crashes may be missing. Whether the payload is JSON is left to who decodes it.
pub(super) fn read(entry: &[u8]) -> Option<Usual<'_>> {
    let rest = entry.strip_prefix(br#"{"redis_ext":1,"id":""#)?;
    let (id, rest) = rest.split_at_checked(TaskId::TEXT_BYTES)?;
    let id = TaskId::from_ascii(id)?;
    let rest = rest.strip_prefix(b"\",")?;
    let (enqueued_at, rest) = field(rest, b"\"enqueued_at\":")?;
    let (attempt, rest) = field(rest, b"\"attempt\":")?;
    let (crashes, rest) = field(rest, b"\"crashes\":")?;
    let payload = rest.strip_prefix(b"\"payload\":")?.strip_suffix(b"}")?;
    is_one_value(payload).then_some(Usual {
        id,
        enqueued_at: enqueued_at.map(Timestamp::from_millis),
        attempt: u32::try_from(attempt?).ok()?,
        crashes: u32::try_from(crashes.unwrap_or(0)).ok()?,
        payload,
    })
}

/// The number of the field `name`, if `text` begins with that, and what follows the comma behind it.
fn field<'a>(text: &'a [u8], name: &[u8]) -> Option<(Option<u64>, &'a [u8])> {
    let Some(value) = text.strip_prefix(name) else { return Some((None, text)) };
    let (number, rest) = number(value)?;
    Some((Some(number), rest.strip_prefix(b",")?))
}

/// The natural number that `text` begins with, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    /// More digits may be more than a `u64` holds.
    const MOST_DIGITS: usize = 19;
    let digits = text.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    let is_plain = matches!(digits, [_] | [b'1'..=b'9', ..]) && digits.len() <= MOST_DIGITS;
    is_plain.then(|| (digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')), rest))
}

/// Whether `text` is a single value, if it is JSON at all. Only brackets are counted and texts skipped.
fn is_one_value(text: &[u8]) -> bool {
    let Some(first) = text.first() else { return false };
    if !matches!(first, b'{' | b'[' | b'"') {
        return text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'));
    }
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = text.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => match end_of_text(text, at) {
                Some(end) => at = end,
                None => return false,
            },
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at == text.len();
        }
    }
    false
}

/// Where the text that begins at `start` has its closing quotation mark.
fn end_of_text(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', json.get(at..)?)?;
        if json[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"redis_ext":1,"id":"0199c0de-7a11-7000-8000-000000000001","#;

    fn payload_of(rest: &str) -> Option<String> {
        let entry = format!("{HEAD}{rest}");
        read(entry.as_bytes()).map(|usual| String::from_utf8(usual.payload.to_vec()).unwrap())
    }

    #[test]
    fn the_usual_envelope_is_recognized_whatever_its_payload() {
        for payload in [
            "7",
            "-1.5e+300",
            "null",
            r#""""#,
            r#""\\""#,
            r#""a\"}b""#,
            "[]",
            r#"{"a":{"b":["}","\\\"]"]}}"#,
            r#"[{"payload":1},"x"]"#,
            r#"{ "a" : 1 }"#,
        ] {
            assert_eq!(payload_of(&format!(r#""enqueued_at":5,"attempt":0,"payload":{payload}}}"#)).unwrap(), payload);
            assert_eq!(payload_of(&format!(r#""attempt":12,"crashes":2,"payload":{payload}}}"#)).unwrap(), payload);
        }
    }

    #[test]
    fn what_is_not_quite_usual_is_left_alone() {
        for rest in [
            r#""enqueued_at":5,"attempt":0,"payload":1,"more":2}"#,
            r#""enqueued_at":5,"attempt":0,"payload":{"a":1},"more":{"b":2}}"#,
            r#""enqueued_at":5,"attempt":0,"payload":"a","more":"b"}"#,
            r#""enqueued_at":5,"attempt":0,"payload":[1]]}"#,
            r#""enqueued_at":5,"attempt":0,"payload":}"#,
            r#""enqueued_at":5,"attempt":0,"payload": 1}"#,
            r#""enqueued_at":5,"attempt":0,"payload":"a}"#,
            r#""enqueued_at":5,"attempt":0,"payload":"a\"}"#,
            r#""enqueued_at":5,"attempt":0,"payload":{"a":1}"#,
            r#""enqueued_at":5,"payload":1}"#,
            r#""attempt":0,"enqueued_at":5,"payload":1}"#,
            r#""enqueued_at":5,"attempt":0,"deadline":1,"payload":1}"#,
            r#""enqueued_at":05,"attempt":0,"payload":1}"#,
            r#""enqueued_at":5.5,"attempt":0,"payload":1}"#,
            r#""enqueued_at":,"attempt":0,"payload":1}"#,
            r#""enqueued_at":null,"attempt":0,"payload":1}"#,
            r#""enqueued_at":123456789012345678901,"attempt":0,"payload":1}"#,
            r#""enqueued_at":5,"attempt":4294967296,"payload":1}"#,
            "",
        ] {
            assert_eq!(payload_of(rest), None, "{rest}");
        }
    }
}
