//! Entries of any form: random bytes, random JSON, and envelopes with something changed.
//!
//! A failure prints the shortest entry that was found to fail. The fuzzer in `fuzz/` checks the same properties; an
//! entry that it finds belongs into `entries_that_once_failed_are_kept`.

#![expect(clippy::expect_used, reason = "a property that does not hold fails the test")]

mod properties;

use proptest::{collection::vec, prelude::*, sample::Index};
use redis_ext::{
    TaskId,
    task::{Envelope, EnvelopeError},
};

/// A text in quotes, with escapes, and with the names that an envelope has.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "redis_ext", "id", "attempt", "crashes", "deadline", "unique", "max_attempts", "timeout_ms", "backoff",
            "payload", "enqueued_at", "tr\\u0061ce", "\\ud83d\\ude00", "\\n", "\\\"", "",
        ]).prop_map(|name| format!("\"{name}\"")),
        1 => "[a-zé漢 ]{0,6}".prop_map(|text| format!("\"{text}\"")),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "0", "1", "-0.0", "1.50", "1e400", "18446744073709551616"])
            .prop_map(str::to_owned),
        any::<u64>().prop_map(|number| number.to_string()),
        text(),
        Just(format!("\"{}\"", TaskId::random())),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(", "))),
            vec((text(), inner), 0..6).prop_map(|fields| object(&fields)),
        ]
    })
}

fn object(fields: &[(String, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// A readable envelope with any known fields, and with fields of a later release.
fn envelope() -> impl Strategy<Value = (String, Vec<(String, String)>)> {
    let known = (
        prop::option::of(any::<u64>()),
        prop::option::of(any::<u32>()),
        prop::option::of(any::<u32>()),
        prop::option::of(text()),
        prop::option::of(any::<u64>()),
    );
    let later = vec(("[b-dé]{1,4}_".prop_map(|name| format!("\"{name}\"")), json()), 0..3);
    (known, later, json()).prop_map(|((enqueued_at, attempt, crashes, unique, timeout), later, payload)| {
        let field = |name: &str, value: Option<String>| value.map(|value| (format!("\"{name}\""), value));
        let mut fields = vec![("\"redis_ext\"".to_owned(), "1".to_owned())];
        fields.extend(field("id", Some(format!("\"{}\"", TaskId::random()))));
        fields.extend(field("enqueued_at", enqueued_at.map(|time| time.to_string())));
        fields.extend(later.iter().cloned());
        fields.extend(field("attempt", attempt.map(|number| number.to_string())));
        fields.extend(field("crashes", crashes.map(|number| number.to_string())));
        fields.extend(field("unique", unique));
        fields.extend(field("timeout_ms", timeout.map(|millis| millis.to_string())));
        fields.extend(field("payload", Some(payload)));
        (object(&fields), later)
    })
}

/// What happens to bytes on their way.
#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Cut(Index),
    Drop(Index),
    Insert(Index, u8),
    Twice(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let telling = prop_oneof![prop::sample::select(b"{}[]\":,0129e \\\n\xff".to_vec()), any::<u8>()];
    prop_oneof![
        (any::<Index>(), telling.clone()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        any::<Index>().prop_map(Damage::Cut),
        any::<Index>().prop_map(Damage::Drop),
        (any::<Index>(), telling).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Twice(from, to)),
    ]
}

fn damaged(mut entry: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if entry.is_empty() {
            break;
        }
        match damage {
            Damage::Set(at, byte) => *at.get_mut(&mut entry) = *byte,
            Damage::Cut(at) => entry.truncate(at.index(entry.len())),
            Damage::Drop(at) => drop(entry.remove(at.index(entry.len()))),
            Damage::Insert(at, byte) => entry.insert(at.index(entry.len()), *byte),
            Damage::Twice(from, to) => {
                let (from, to) = (from.index(entry.len()), to.index(entry.len()));
                let part = entry[from.min(to)..from.max(to)].to_vec();
                entry.splice(from.min(to)..from.min(to), part);
            }
        }
    }
    entry
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_kept(entry in vec(any::<u8>(), 0..200)) {
        properties::hold_for(&entry);
    }

    #[test]
    fn any_json_is_kept(payload in json(), before in "[ \t\r\n]{0,2}", after in "[ \t\r\n]{0,2}") {
        let entry = format!("{before}{payload}{after}");
        properties::hold_for(entry.as_bytes());
        if let Ok(bare) = Envelope::parse(entry.as_bytes()) && bare.is_bare() {
            let retried = bare.next_attempt().to_entry();
            prop_assert!(!Envelope::parse(&retried)?.is_bare(), "a payload that is JSON can count its attempts");
        }
    }

    #[test]
    fn fields_of_a_later_release_survive_each_rewrite((entry, later) in envelope()) {
        properties::hold_for(entry.as_bytes());
        let envelope = Envelope::parse(entry.as_bytes())?;
        prop_assert!(!envelope.is_bare());
        for rewritten in [envelope.next_attempt(), envelope.after_crash(), envelope.untried()] {
            let rewritten = String::from_utf8(rewritten.to_entry())?;
            for (name, value) in &later {
                prop_assert!(rewritten.contains(&format!(",{name}:{value},")), "{} lost {}", rewritten, name);
            }
        }
    }

    #[test]
    fn a_damaged_envelope_is_kept((entry, _) in envelope(), damages in vec(damage(), 1..4)) {
        properties::hold_for(&damaged(entry.into_bytes(), &damages));
    }

    #[test]
    fn an_envelope_of_another_version_is_an_error((entry, _) in envelope(), version in 2_u64..) {
        let entry = entry.replacen("\"redis_ext\":1", &format!("\"redis_ext\":{version}"), 1);
        properties::hold_for(entry.as_bytes());
        let is_told = matches!(Envelope::parse(entry.as_bytes()), Err(EnvelopeError::UnknownVersion(told)) if told == version);
        prop_assert!(is_told);
    }
}

#[test]
fn entries_that_once_failed_are_kept() {
    let entries: [&[u8]; 2] = [b"\"\xff\"", b"{\"to\":\"\xff\"}"];
    for entry in entries {
        properties::hold_for(entry);
    }
}
