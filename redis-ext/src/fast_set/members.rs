//! The members of a set as values: an immutable table whose changed copies share what did not change.
//!
//! The table is a row of shards of some hundred entries, so that a change copies one shard and the row, not a million
//! entries. A value that the store holds in several spellings (`1` and `1.0`) is one entry that knows them all;
//! what does not decode is kept aside as it is.

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{BuildHasher, Hash},
    slice,
    sync::Arc,
};

use hashbrown::{DefaultHashBuilder, HashTable, hash_table};
use serde::Serialize;

use super::SetMember;
use crate::codec::{self, CodecError, canonical};

/// How many entries a shard has on average, at most: fewer make the row longer, which is copied for each change, and
/// more the shard, which is too.
const SHARD_ENTRIES: usize = 512;

/// How many times as many shards there are once there are too few: each time, every entry is put in its place anew.
const GROWTH: usize = 4;

pub(super) struct Members<T> {
    /// A power of two of them.
    shards: Arc<[Arc<HashTable<Entry<T>>>]>,
    len: usize,
    /// How many members the store has: spellings, and what does not decode.
    spellings: u64,
    undecodable: Arc<HashSet<Box<[u8]>>>,
    /// Three times as fast as the standard library's, and good enough against floods: who asks does not fill the table.
    hasher: DefaultHashBuilder,
}

struct Entry<T> {
    value: Arc<T>,
    /// The store's spellings, unless that is the canonical one alone.
    #[expect(clippy::box_collection, reason = "hardly any entry has some, and each pays for the place")]
    spellings: Option<Box<Vec<Box<[u8]>>>>,
}

/// What a value becomes in the store.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    canonical::to_vec(value, canonical::Style::Ascii)
}

impl<T> Members<T> {
    pub(super) fn new() -> Self {
        Self {
            shards: Arc::new([Arc::default()]),
            len: 0,
            spellings: 0,
            undecodable: Arc::default(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn undecodable(&self) -> usize {
        self.undecodable.len()
    }

    /// How many members the store holds, if it holds what is here.
    pub(super) fn spellings(&self) -> u64 {
        self.spellings
    }

    pub(super) fn iter(&self) -> Iter<'_, T> {
        Iter { shards: self.shards.iter(), entries: None, left: self.len }
    }

    fn shard_of(&self, hash: u64) -> usize {
        shard_among(self.shards.len(), hash)
    }
}

/// The shard for a hash, by those of its bits of which the tables make the least.
fn shard_among(shards: usize, hash: u64) -> usize {
    (hash >> 32) as usize & (shards - 1)
}

impl<T: Eq + Hash> Members<T> {
    pub(super) fn get<Q>(&self, value: &Q) -> Option<&Arc<T>>
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entry(value).map(|entry| &entry.value)
    }

    fn entry<Q>(&self, value: &Q) -> Option<&Entry<T>>
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(value);
        self.shards[self.shard_of(hash)].find(hash, |entry| (*entry.value).borrow() == value)
    }

    /// Spreads the entries over more shards if there are too many for those that there are.
    fn grow(&mut self) {
        if self.len <= self.shards.len() * SHARD_ENTRIES {
            return;
        }
        let mut shards = vec![HashTable::new(); GROWTH * self.shards.len()];
        for entry in self.shards.iter().flat_map(|shard| shard.iter()) {
            let hash = self.hasher.hash_one(&*entry.value);
            let shard = shard_among(shards.len(), hash);
            shards[shard].insert_unique(hash, entry.clone(), |entry| self.hasher.hash_one(&*entry.value));
        }
        self.shards = shards.into_iter().map(Arc::new).collect();
    }
}

impl<T: SetMember> Members<T> {
    pub(super) fn of(members: &[Vec<u8>]) -> Self {
        let mut all = Self::new();
        for member in members {
            all.insert(member);
        }
        all
    }

    /// Some of the members, from a random place on.
    pub(super) fn sample(&self, most: usize) -> Vec<&Arc<T>> {
        let (before, from) = self.shards.split_at(fastrand::usize(..self.shards.len()));
        from.iter().chain(before).flat_map(|shard| shard.iter()).map(|entry| &entry.value).take(most).collect()
    }

    /// Every spelling of `value` in the store that is known, first of all the canonical one, whether it is there or not.
    pub(super) fn spellings_of<Q>(&self, value: &Q) -> Result<Vec<Vec<u8>>, CodecError>
    where
        T: Borrow<Q>,
        Q: Serialize + Eq + Hash + ?Sized,
    {
        let mut spellings = vec![encode(value)?];
        if let Some(others) = self.entry(value).and_then(|entry| entry.spellings.as_ref()) {
            let others = others.iter().map(|other| other.to_vec());
            let canonical = spellings[0].clone();
            spellings.extend(others.filter(|other| *other != canonical));
        }
        Ok(spellings)
    }

    /// Adds a member of the store, if it is not here; the answer is its value, if that is new.
    pub(super) fn insert(&mut self, member: &[u8]) -> Option<Arc<T>> {
        let Ok(value) = codec::decode::<T>(member) else {
            if !self.undecodable.contains(member) {
                Arc::make_mut(&mut self.undecodable).insert(member.into());
                self.spellings += 1;
            }
            return None;
        };
        let canonical = encode(&value).ok();
        let is_canonical = canonical.as_deref() == Some(member);
        let hash = self.hasher.hash_one(&value);
        let at = self.shard_of(hash);
        if let Some(known) = self.shards[at].find(hash, |entry| *entry.value == value) {
            if known.is_spelled(member, is_canonical) {
                return None;
            }
            let shard = Arc::make_mut(&mut Arc::make_mut(&mut self.shards)[at]);
            if let Some(entry) = shard.find_mut(hash, |entry| *entry.value == value) {
                let spellings =
                    entry.spellings.get_or_insert_with(|| Box::new(canonical.into_iter().map(Into::into).collect()));
                spellings.push(member.into());
                self.spellings += 1;
            }
            return None;
        }
        let value = Arc::new(value);
        let spellings = (!is_canonical).then(|| Box::new(vec![member.into()]));
        let entry = Entry { value: Arc::clone(&value), spellings };
        let shard = Arc::make_mut(&mut Arc::make_mut(&mut self.shards)[at]);
        shard.insert_unique(hash, entry, |entry| self.hasher.hash_one(&*entry.value));
        self.len += 1;
        self.spellings += 1;
        self.grow();
        Some(value)
    }

    /// Removes a member of the store, if it is here; the answer is its value, if that has no other spelling.
    pub(super) fn remove(&mut self, member: &[u8]) -> Option<Arc<T>> {
        let Ok(value) = codec::decode::<T>(member) else {
            if self.undecodable.contains(member) {
                Arc::make_mut(&mut self.undecodable).remove(member);
                self.spellings -= 1;
            }
            return None;
        };
        let is_canonical = encode(&value).is_ok_and(|canonical| canonical == member);
        let hash = self.hasher.hash_one(&value);
        let at = self.shard_of(hash);
        let is_here = |entry: &Entry<T>| entry.is_spelled(member, is_canonical);
        if !self.shards[at].find(hash, |entry| *entry.value == value).is_some_and(is_here) {
            return None;
        }
        let shard = Arc::make_mut(&mut Arc::make_mut(&mut self.shards)[at]);
        let mut found = shard.find_entry(hash, |entry| *entry.value == value).ok()?;
        self.spellings -= 1;
        if let Some(spellings) = &mut found.get_mut().spellings {
            spellings.retain(|spelling| **spelling != *member);
            if !spellings.is_empty() {
                return None;
            }
        }
        self.len -= 1;
        Some(found.remove().0.value)
    }
}

impl<T> Entry<T> {
    fn is_spelled(&self, member: &[u8], is_canonical: bool) -> bool {
        match &self.spellings {
            None => is_canonical,
            Some(spellings) => spellings.iter().any(|spelling| **spelling == *member),
        }
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), spellings: self.spellings.clone() }
    }
}

impl<T> Clone for Members<T> {
    fn clone(&self) -> Self {
        Self {
            shards: Arc::clone(&self.shards),
            len: self.len,
            spellings: self.spellings,
            undecodable: Arc::clone(&self.undecodable),
            hasher: self.hasher.clone(),
        }
    }
}

/// The values of a table.
pub(super) struct Iter<'m, T> {
    shards: slice::Iter<'m, Arc<HashTable<Entry<T>>>>,
    entries: Option<hash_table::Iter<'m, Entry<T>>>,
    left: usize,
}

impl<'m, T> Iterator for Iter<'m, T> {
    type Item = &'m Arc<T>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.as_mut().and_then(Iterator::next) {
                self.left -= 1;
                return Some(&entry.value);
            }
            self.entries = Some(self.shards.next()?.iter());
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members<T: SetMember>(of: &[&str]) -> Members<T> {
        let mut members = Members::new();
        for member in of {
            members.insert(member.as_bytes());
        }
        members
    }

    /// A number that is equal to others by its whole part.
    #[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
    #[serde(transparent)]
    struct Whole(f64);

    impl PartialEq for Whole {
        fn eq(&self, other: &Self) -> bool {
            self.0.trunc() == other.0.trunc()
        }
    }
    impl Eq for Whole {}
    impl Hash for Whole {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            (self.0.trunc() as i64).hash(state);
        }
    }

    #[test]
    fn a_value_in_several_spellings_is_one_and_goes_with_its_last() {
        let mut numbers = members::<Whole>(&["1", "1.0", "1e0", "1.0", "2.0"]);
        assert_eq!((numbers.len(), numbers.spellings()), (2, 4));
        let spellings = numbers.spellings_of(&Whole(1.0)).unwrap();
        assert_eq!(spellings, [&b"1.0"[..], b"1", b"1e0"]);
        assert!(numbers.remove(b"1").is_none() && numbers.remove(b"1").is_none() && numbers.remove(b"1.0").is_none());
        assert!(numbers.get(&Whole(1.0)).is_some());
        assert_eq!(numbers.remove(b"1e0").map(|value| value.0), Some(1.0));
        assert!(numbers.get(&Whole(1.0)).is_none());
        assert_eq!((numbers.len(), numbers.spellings()), (1, 1));
    }

    #[test]
    fn a_value_that_is_not_spelt_canonically_can_be_so_too() {
        let mut numbers = members::<Whole>(&["1"]);
        assert!(numbers.remove(b"1.0").is_none());
        assert_eq!(numbers.len(), 1);
        numbers.insert(b"1.0");
        assert!(numbers.remove(b"1").is_none());
        assert!(numbers.remove(b"1.0").is_some());
        assert_eq!((numbers.len(), numbers.spellings()), (0, 0));
    }

    #[test]
    fn what_does_not_decode_is_counted_once_and_is_no_value() {
        let mut numbers = members::<u8>(&["7", "300", "\"x\"", "300", "{"]);
        assert_eq!((numbers.len(), numbers.undecodable(), numbers.spellings()), (1, 3, 4));
        assert!(numbers.remove(b"300").is_none() && numbers.remove(b"300").is_none());
        assert_eq!((numbers.len(), numbers.undecodable(), numbers.spellings()), (1, 2, 3));
    }

    #[test]
    fn a_changed_copy_leaves_the_original_alone_at_any_size() {
        let mut numbers = Members::<u32>::new();
        for number in 0..20_000_u32 {
            let before = numbers.clone();
            assert!(numbers.insert(number.to_string().as_bytes()).is_some());
            assert!(before.get(&number).is_none());
        }
        let full = numbers.clone();
        for number in 0..10_000_u32 {
            assert_eq!(numbers.remove(number.to_string().as_bytes()).as_deref(), Some(&number));
        }
        assert_eq!((full.len(), numbers.len()), (20_000, 10_000));
        assert_eq!((full.iter().count(), numbers.iter().size_hint().0), (20_000, 10_000));
        assert!((0..20_000_u32).all(|number| full.get(&number).is_some()));
        assert!((0..20_000_u32).all(|number| numbers.get(&number).is_some() == (number >= 10_000)));
    }
}
