//! The entries of a set's log, as `_set_log.lua` writes them.

use super::change_of;
use crate::backend::{ChangeId, DeltaMembers, SetDelta, SetMark};

/// An entry that this library did not write.
#[derive(Debug, thiserror::Error)]
#[error("the log of a set holds an entry of another form: delete the key of the log")]
pub(super) struct Malformed;

/// The members that come or go: their lengths, or only how many they are.
enum Lengths {
    Kept(Vec<usize>),
    Counted(u64),
}

impl Lengths {
    fn parse(text: &str) -> Option<Self> {
        if let Some(count) = text.strip_prefix('*') {
            return count.parse().ok().map(Self::Counted);
        }
        let lengths = text.split(',').filter(|length| *length != "-").map(|length| length.parse().ok());
        lengths.collect::<Option<_>>().map(Self::Kept)
    }

    fn count(&self) -> u64 {
        match self {
            Self::Kept(lengths) => lengths.len() as u64,
            Self::Counted(count) => *count,
        }
    }

    /// Takes so many members off the front of `bytes`.
    fn take(&self, bytes: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
        let Self::Kept(lengths) = self else { return None };
        let one = |&length: &usize| {
            let (member, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Some(member.to_vec())
        };
        lengths.iter().map(one).collect()
    }
}

pub(super) fn parse(entry: &[u8]) -> Result<SetDelta, Malformed> {
    parse_entry(entry).ok_or(Malformed)
}

fn parse_entry(entry: &[u8]) -> Option<SetDelta> {
    let line_end = memchr::memchr(b'\n', entry)?;
    let (head, mut body) = (std::str::from_utf8(&entry[..line_end]).ok()?, &entry[line_end + 1..]);
    let mut fields = head.split(' ');
    let version: u64 = fields.next()?.parse().ok()?;
    let change: ChangeId = change_of(fields.next()?)?;
    let change_before = change_of(fields.next()?);
    let (len_before, len) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let (removed, added) = (Lengths::parse(fields.next()?)?, Lengths::parse(fields.next()?)?);
    let members = match (&removed, &added) {
        (Lengths::Kept(_), Lengths::Kept(_)) => {
            let members = DeltaMembers { removed: removed.take(&mut body)?, added: added.take(&mut body)? };
            body.is_empty().then_some(Some(members))?
        }
        _ => None,
    };
    Some(SetDelta {
        before: SetMark { version: version.checked_sub(1)?, change: change_before, len: len_before },
        after: SetMark { version, change: Some(change), len },
        removed: removed.count(),
        added: added.count(),
        members,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_tells_what_was_before_what_came_and_what_went() {
        let delta = parse(b"7 00000000000000ab - 3 4 2 0,3\n\xff\na,b").unwrap();
        assert_eq!(delta.before, SetMark { version: 6, change: None, len: 3 });
        assert_eq!(delta.after, SetMark { version: 7, change: Some(ChangeId(0xab)), len: 4 });
        let members = delta.members.unwrap();
        assert_eq!((members.removed, members.added), (vec![b"\xff\n".to_vec()], vec![b"".to_vec(), b"a,b".to_vec()]));
        assert_eq!((delta.removed, delta.added), (1, 2));
    }

    #[test]
    fn an_entry_of_many_members_tells_only_how_many() {
        let delta = parse(b"2 1 ff 9 1008 *1 *1000\n").unwrap();
        assert_eq!((delta.before.change, delta.removed, delta.added), (Some(ChangeId(0xff)), 1, 1000));
        assert_eq!(delta.members, None);
    }

    #[test]
    fn what_is_no_entry_is_an_error() {
        for entry in [
            "",
            "\n",
            "7\n",
            "0 a - 0 1 - 1\nx",
            "7 - - 0 1 - 1\nx",
            "7 a - 0 1 - 2\nx",
            "7 a - 0 1 - 1\nxy",
            "7 a - 0 1 1\nx",
        ] {
            assert!(parse(entry.as_bytes()).is_err(), "{entry:?}");
        }
    }
}
