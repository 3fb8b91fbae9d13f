//! What a queue holds for a task: a bare payload, or an envelope that carries the task's identity and history.
//!
//! ```json
//! {"redis_ext":1,"id":"…uuid v7…","enqueued_at":1764000000000,"attempt":0,"payload":{…}}
//! ```
//! Further fields stand only where they differ from the default. Fields that this version does not know are kept
//! through every rewrite; a version it does not know is an error, so that the entry goes to the dead letters unchanged.

mod usual;

use std::{borrow::Cow, fmt, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Backoff, TaskId, Timestamp};
use crate::codec::millis;

/// The version of the envelope format that this library writes, and the only one that it reads.
pub const ENVELOPE_VERSION: u64 = 1;

/// One entry of a queue, read.
///
/// # Examples
/// ```
/// use redis_ext::task::Envelope;
///
/// let bare = Envelope::parse(br#"{"to": "a@example.org"}"#)?;
/// assert!(bare.is_bare());
///
/// // After a failed attempt the payload travels in an envelope.
/// let entry = bare.next_attempt().to_entry();
/// let retried = Envelope::parse(&entry)?;
/// assert_eq!((retried.id, retried.attempt), (bare.id, 1));
/// assert_eq!(retried.payload(), br#"{"to": "a@example.org"}"#);
/// # Ok::<(), redis_ext::task::EnvelopeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// The task's ID; for a bare payload, one made up when it was read.
    pub id: TaskId,
    /// When it was enqueued, by the clock of who enqueued it; unknown for a bare payload.
    pub enqueued_at: Option<Timestamp>,
    /// How many attempts were made before.
    pub attempt: u32,
    /// How many of them ended with the death of their worker.
    pub crashes: u32,
    /// After this the task is not run any more.
    pub deadline: Option<Timestamp>,
    /// The digest under which the task is unique while it is pending.
    pub unique: Option<Cow<'a, str>>,
    /// What this one task has otherwise than its type.
    pub overrides: Overrides,
    unknown: Vec<(Cow<'a, str>, &'a RawValue)>,
    payload: &'a [u8],
    bare: bool,
}

/// What one task has otherwise than its type's [`TaskOptions`](super::TaskOptions).
///
/// # Examples
/// See [`Envelope`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overrides {
    /// How many times the task is run before it goes to the dead letters.
    pub max_attempts: Option<u32>,
    /// How long one attempt may run; zero is for ever.
    pub timeout: Option<Duration>,
    /// How long to wait before each further attempt.
    pub backoff: Option<Backoff>,
}

/// Why an entry that claims to be an envelope cannot be read as one.
///
/// # Examples
/// See [`Envelope`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Written by a newer version of this library, or by something else.
    #[error(
        "the envelope has version {0}, and this worker reads version {ENVELOPE_VERSION}: update the worker, then replay the dead letter"
    )]
    UnknownVersion(u64),
    /// Some field is missing or not of its form.
    #[error("the entry has the field `redis_ext` of an envelope but is none")]
    Malformed(#[source] serde_json::Error),
}

impl<'a> Envelope<'a> {
    /// Room for what an envelope without options adds to its payload.
    pub(crate) const USUAL_BYTES: usize = 128;

    /// The envelope of a new task.
    #[must_use]
    pub fn new(id: TaskId, enqueued_at: Timestamp, payload: &'a [u8]) -> Self {
        Self { enqueued_at: Some(enqueued_at), bare: false, ..Self::blank(id, payload) }
    }

    fn bare(payload: &'a [u8]) -> Self {
        Self::blank(TaskId::random(), payload)
    }

    /// A task without a history.
    fn blank(id: TaskId, payload: &'a [u8]) -> Self {
        Self {
            id,
            enqueued_at: None,
            attempt: 0,
            crashes: 0,
            deadline: None,
            unique: None,
            overrides: Overrides::default(),
            unknown: Vec::new(),
            payload,
            bare: true,
        }
    }

    /// Reads an entry. A JSON object with a field `redis_ext` is an envelope; anything else is a bare payload,
    /// whether it is JSON or not, as only the task type can tell what it reads.
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is an envelope that cannot be understood.
    pub fn parse(entry: &'a [u8]) -> Result<Self, EnvelopeError> {
        const MARK: &[u8] = b"\"redis_ext\"";
        const OURS: &[u8] = b"{\"redis_ext\":1,";
        if let Some(usual::Usual { id, enqueued_at, attempt, crashes, payload }) = usual::read(entry) {
            return Ok(Self { enqueued_at, attempt, crashes, bare: false, ..Self::blank(id, payload) });
        }
        if entry.starts_with(OURS) {
            return Self::read(entry);
        }
        if memchr::memmem::find(entry, MARK).is_none() || !entry.trim_ascii_start().starts_with(b"{") {
            return Ok(Self::bare(entry));
        }
        // The mark may stand deeper within a bare payload: the top level decides.
        match version_of(entry) {
            Ok(Some(ENVELOPE_VERSION)) => Self::read(entry),
            Ok(Some(other)) => Err(EnvelopeError::UnknownVersion(other)),
            Ok(None) => Ok(Self::bare(entry)),
            Err(error) if error.is_data() => Err(EnvelopeError::Malformed(error)),
            Err(_not_json) => Ok(Self::bare(entry)),
        }
    }

    fn read(entry: &'a [u8]) -> Result<Self, EnvelopeError> {
        serde_json::from_slice(entry).map_err(EnvelopeError::Malformed)
    }

    /// What the task type reads.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Whether the entry was a payload without an envelope.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.bare
    }

    /// The same task after one more failed attempt.
    #[must_use]
    pub fn next_attempt(&self) -> Self {
        Self { attempt: self.attempt.saturating_add(1), ..self.clone() }
    }

    /// The same task after an attempt that ended with the death of its worker.
    #[must_use]
    pub fn after_crash(&self) -> Self {
        Self { crashes: self.crashes.saturating_add(1), ..self.next_attempt() }
    }

    /// The same task as if it had never been tried: what a dead letter keeps for its replay.
    #[must_use]
    pub fn untried(&self) -> Self {
        Self { attempt: 0, crashes: 0, ..self.clone() }
    }

    /// The entry as it stands in a queue: an envelope, or the payload alone for a bare one that was never tried.
    ///
    /// A bare payload that is not JSON has no place in an envelope and stays as it is.
    #[must_use]
    pub fn to_entry(&self) -> Vec<u8> {
        if self.bare && (self.attempt == 0 || serde_json::from_slice::<&RawValue>(self.payload).is_err()) {
            return self.payload.to_vec();
        }
        let mut entry = Vec::with_capacity(self.payload.len() + Self::USUAL_BYTES);
        self.write_head(&mut entry);
        entry.extend_from_slice(self.payload);
        entry.push(b'}');
        entry
    }

    /// Appends what stands before the payload; behind it a brace is wanting.
    pub(crate) fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"redis_ext\":");
        write_json(out, &ENVELOPE_VERSION);
        out.extend_from_slice(b",\"id\":\"");
        self.id.write(out);
        out.push(b'"');
        write_field(out, "enqueued_at", self.enqueued_at);
        write_field(out, "attempt", Some(self.attempt));
        write_field(out, "crashes", Some(self.crashes).filter(|&crashes| crashes > 0));
        write_field(out, "deadline", self.deadline);
        write_field(out, "unique", self.unique.as_deref());
        write_field(out, "max_attempts", self.overrides.max_attempts);
        write_field(out, "timeout_ms", self.overrides.timeout.map(millis::of));
        write_field(out, "backoff", self.overrides.backoff);
        for (name, value) in &self.unknown {
            out.push(b',');
            write_json(out, name);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.extend_from_slice(b",\"payload\":");
    }
}

/// Writes a field that follows others, if it is there. The name is a plain word: nothing in it is to be escaped, and
/// serde's derived code, which looks for that byte by byte, would take twice as long for an envelope.
fn write_field<T: Serialize>(out: &mut Vec<u8>, name: &'static str, value: Option<T>) {
    if let Some(value) = value {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        write_json(out, &value);
    }
}

fn write_json<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    #[expect(clippy::expect_used, reason = "numbers, UUIDs and texts have a JSON form, and a Vec takes all bytes")]
    serde_json::to_writer(out, value).expect("an envelope's own fields can be written");
}

fn version_of(entry: &[u8]) -> Result<Option<u64>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Version {
        redis_ext: Option<u64>,
    }
    serde_json::from_slice::<Version>(entry).map(|version| version.redis_ext)
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

/// A field's name, borrowed from the entry unless it was escaped there.
#[derive(Deserialize, PartialEq, Eq, Hash)]
struct FieldName<'a>(#[serde(borrow)] Cow<'a, str>);

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope { bare: false, ..Envelope::blank(TaskId::NIL, b"") };
        let mut id = None;
        let mut payload: Option<&'de RawValue> = None;
        while let Some(FieldName(name)) = fields.next_key()? {
            match &*name {
                "redis_ext" => drop(fields.next_value::<IgnoredAny>()?),
                "id" => id = Some(fields.next_value()?),
                "enqueued_at" => envelope.enqueued_at = fields.next_value()?,
                "attempt" => envelope.attempt = fields.next_value()?,
                "crashes" => envelope.crashes = fields.next_value()?,
                "deadline" => envelope.deadline = fields.next_value()?,
                "unique" => envelope.unique = fields.next_value::<Option<FieldName<'de>>>()?.map(|digest| digest.0),
                "max_attempts" => envelope.overrides.max_attempts = fields.next_value()?,
                "timeout_ms" => {
                    envelope.overrides.timeout = fields.next_value::<Option<u64>>()?.map(Duration::from_millis);
                }
                "backoff" => envelope.overrides.backoff = fields.next_value()?,
                "payload" => payload = Some(fields.next_value()?),
                _ => envelope.unknown.push((name, fields.next_value()?)),
            }
        }
        envelope.id = id.ok_or_else(|| A::Error::missing_field("id"))?;
        envelope.payload = payload.ok_or_else(|| A::Error::missing_field("payload"))?.get().as_bytes();
        Ok(envelope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{"redis_ext":1,"id":"0199c0de-7a11-7000-8000-000000000001","enqueued_at":5,"attempt":0,"payload":{"a": [1]}}"#;

    #[test]
    fn an_envelope_is_written_as_it_was_read() {
        let envelope = Envelope::parse(ENTRY.as_bytes()).unwrap();
        assert_eq!(envelope.payload(), br#"{"a": [1]}"#);
        assert_eq!(String::from_utf8(envelope.to_entry()).unwrap(), ENTRY);
    }

    #[test]
    fn fields_of_a_later_release_survive_a_retry() {
        let entry = ENTRY.replace(r#""attempt":0"#, r#""trace\n":{"x":1.50},"attempt":0,"tags":["é"]"#);
        let retried = Envelope::parse(entry.as_bytes()).unwrap().next_attempt().to_entry();
        let retried = String::from_utf8(retried).unwrap();
        assert!(retried.contains(r#""attempt":1,"trace\n":{"x":1.50},"tags":["é"],"payload":"#), "{retried}");
    }

    #[test]
    fn every_field_comes_back() {
        let envelope = Envelope {
            crashes: 2,
            deadline: Some(Timestamp::from_millis(9)),
            unique: Some("d1".into()),
            overrides: Overrides {
                max_attempts: Some(3),
                timeout: Some(Duration::from_millis(250)),
                backoff: Some(Backoff::fixed(Duration::from_secs(1))),
            },
            ..Envelope::new(TaskId::random(), Timestamp::from_millis(7), b"null").next_attempt()
        };
        let entry = envelope.to_entry();
        let read = Envelope::parse(&entry).unwrap();
        assert_eq!(format!("{read:?}"), format!("{envelope:?}"));
    }

    #[test]
    fn the_order_of_fields_and_spaces_do_not_matter() {
        let entry =
            br#" { "payload" : 7, "attempt": 2, "id": "0199c0de-7a11-7000-8000-000000000001", "redis_ext" : 1 }"#;
        let envelope = Envelope::parse(entry).unwrap();
        assert_eq!((envelope.payload(), envelope.attempt, envelope.is_bare()), (&b"7"[..], 2, false));
    }

    #[test]
    fn whatever_is_no_envelope_is_a_bare_payload() {
        for entry in [
            &b"7"[..],
            b"",
            b"{",
            b"not JSON",
            b"\xff\xfe",
            br#"["redis_ext"]"#,
            br#"{"nested":{"redis_ext":1}}"#,
            br#"{"text":"\"redis_ext\":1"}"#,
            br#"{"redis_ext":1"#.as_slice().split_last().unwrap().1,
        ] {
            let envelope = Envelope::parse(entry).unwrap();
            assert!(envelope.is_bare() && envelope.payload() == entry, "{envelope:?}");
        }
    }

    #[test]
    fn an_envelope_that_cannot_be_understood_is_an_error() {
        let newer = ENTRY.replacen('1', "2", 1);
        assert!(matches!(Envelope::parse(newer.as_bytes()), Err(EnvelopeError::UnknownVersion(2))));
        for broken in [r#"{"redis_ext":1,"payload":7}"#, r#"{"redis_ext":"x","payload":7}"#] {
            assert!(matches!(Envelope::parse(broken.as_bytes()), Err(EnvelopeError::Malformed(_))), "{broken}");
        }
    }

    #[test]
    fn a_bare_payload_that_is_not_json_is_never_wrapped() {
        assert_eq!(Envelope::parse(b"\xff").unwrap().after_crash().to_entry(), b"\xff");
    }
}
