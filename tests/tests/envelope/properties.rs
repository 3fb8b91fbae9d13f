//! What holds for every entry, whatever its bytes: the proptests and the fuzzer check the same.

use redis_ext::{
    backend::{Crashed, Recovery},
    task::Envelope,
};

/// Never a panic, never a loss.
///
/// # Panics
/// When something does not hold for `entry`.
pub(crate) fn hold_for(entry: &[u8]) {
    match Envelope::parse(entry) {
        Err(_unreadable) => an_unreadable_entry_is_left_as_it_is(entry),
        Ok(bare) if bare.is_bare() => a_bare_payload_keeps_its_bytes(entry, &bare),
        Ok(envelope) => an_envelope_survives_each_rewrite(&envelope),
    }
}

fn an_unreadable_entry_is_left_as_it_is(entry: &[u8]) {
    let judged = Recovery::default().poison_after(1).judge(entry.to_vec());
    assert_eq!(judged, Crashed::Requeue(entry.to_vec()), "who claims it next keeps its bytes as a dead letter");
}

fn a_bare_payload_keeps_its_bytes(entry: &[u8], bare: &Envelope<'_>) {
    assert_eq!(bare.payload(), entry);
    assert_eq!(bare.to_entry(), entry);
    for tried in [bare.next_attempt(), bare.after_crash()] {
        let rewritten = tried.to_entry();
        if rewritten == entry {
            continue; // It is not JSON, and has no place in an envelope.
        }
        let read = Envelope::parse(&rewritten).expect("what was written can be read");
        assert!(!read.is_bare());
        assert_eq!((read.id, read.attempt, read.crashes), (tried.id, tried.attempt, tried.crashes));
        assert_eq!(read.payload(), entry.trim_ascii(), "all but the white space around it is kept");
        an_envelope_survives_each_rewrite(&read);
    }
}

fn an_envelope_survives_each_rewrite(envelope: &Envelope<'_>) {
    for rewritten in [envelope.clone(), envelope.next_attempt(), envelope.after_crash(), envelope.untried()] {
        let entry = rewritten.to_entry();
        let read = Envelope::parse(&entry).expect("what was written can be read");
        assert_eq!(format!("{read:?}"), format!("{rewritten:?}"), "every field comes back, known or not");
        assert_eq!(read.to_entry(), entry, "and is written the same again");
    }
}
