//! Unique IDs: stable, dense, of one class; lives, the way back, ranges, floors.

use std::{collections::BTreeSet, num::NonZeroU64, sync::Arc, time::Duration};

use super::Subject;
use crate::{
    BackendErrorKind, TaskId,
    backend::{
        Assigned, CounterMove, IdBackend as _, IdClass, IdKey, IdOffer, IdRules, IdTtl, LARGEST_ID, MAX_BATCH,
        MAX_RESERVATION, Reserved,
    },
};

const FOREVER: IdRules = IdRules { ttl: IdTtl::NONE, reverse: false };
const REVERSIBLE: IdRules = IdRules { ttl: IdTtl::NONE, reverse: true };

/// The life of a mapping that a case waits out: long enough that a busy machine sees it while it lasts.
const LIFE: Duration = Duration::from_secs(3);
const PAST_LIFE: Duration = Duration::from_millis(3300);

fn fixed(reverse: bool) -> IdRules {
    IdRules { ttl: IdTtl::fixed(LIFE).unwrap(), reverse }
}

fn key(text: &str) -> IdKey {
    IdKey::new(text).unwrap()
}

fn numbered(count: usize) -> Vec<IdKey> {
    (0..count).map(|number| key(&number.to_string())).collect()
}

fn count(count: u64) -> NonZeroU64 {
    NonZeroU64::new(count).unwrap()
}

/// A class of the case's own.
struct Class<'s> {
    subject: &'s Subject,
    class: IdClass,
}

impl Subject {
    fn class(&self) -> Class<'_> {
        Class { subject: self, class: IdClass::new(format!("conformance-{}", TaskId::random())).unwrap() }
    }
}

impl Class<'_> {
    async fn assigned(&self, keys: &[IdKey], rules: IdRules, floor: u64) -> Assigned {
        self.subject.backend.assign_ids(&self.class, keys, rules, floor).await.unwrap()
    }

    async fn assign(&self, keys: &[&str], rules: IdRules) -> Vec<u64> {
        let keys: Vec<_> = keys.iter().map(|text| key(text)).collect();
        self.assigned(&keys, rules, 0).await.ids
    }

    async fn find(&self, keys: &[&str]) -> Vec<Option<u64>> {
        let keys: Vec<_> = keys.iter().map(|text| key(text)).collect();
        self.subject.backend.find_ids(&self.class, &keys).await.unwrap()
    }

    async fn forget(&self, keys: &[&str], rules: IdRules) -> usize {
        let keys: Vec<_> = keys.iter().map(|text| key(text)).collect();
        self.subject.backend.forget_ids(&self.class, &keys, rules).await.unwrap()
    }

    async fn keys_of(&self, ids: &[u64]) -> Vec<Option<String>> {
        let keys = self.subject.backend.find_keys(&self.class, ids).await.unwrap();
        keys.into_iter().map(|key| key.map(|key| key.to_string())).collect()
    }

    async fn reserve(&self, ids: u64, floor: u64) -> Reserved {
        self.subject.backend.reserve_ids(&self.class, count(ids), floor).await.unwrap()
    }

    async fn offer(&self, text: &str, id: u64, ttl: IdTtl) -> u64 {
        let offer = IdOffer { key: key(text), id };
        self.subject.backend.offer_ids(&self.class, &[offer], ttl).await.unwrap()[0]
    }
}

fn some(key: &str) -> Option<String> {
    Some(key.to_owned())
}

pub async fn ids_begin_at_one_and_are_dense_in_the_order_of_the_keys(subject: &Subject) {
    let class = subject.class();
    assert_eq!(class.assign(&["a"], FOREVER).await, [1]);
    assert_eq!(class.assign(&["c", "a", "b"], FOREVER).await, [2, 1, 3]);
    let answer = class.assigned(&[key("b"), key("d")], FOREVER, 0).await;
    assert_eq!(answer, Assigned { ids: vec![3, 4], counter: CounterMove { before: 3, after: 4 } });
}

pub async fn a_key_that_stands_twice_in_a_call_gets_one_id(subject: &Subject) {
    let class = subject.class();
    assert_eq!(class.assign(&["a", "b", "a", "b", "c"], REVERSIBLE).await, [1, 2, 1, 2, 3]);
    assert_eq!(class.assign(&["d"], REVERSIBLE).await, [4]);
    assert_eq!(class.forget(&["a", "a"], REVERSIBLE).await, 1);
}

pub async fn keys_may_hold_any_text(subject: &Subject) {
    let class = subject.class();
    let odd = [":", "auto", "id:1", "a b", "\n", "\0", "кот", "🦀", "{x}", "0", " ", "'\"\\"];
    let ids = class.assign(&odd, REVERSIBLE).await;
    assert_eq!(ids, (1..=odd.len() as u64).collect::<Vec<_>>());
    assert_eq!(class.keys_of(&ids).await, odd.map(some));
    assert_eq!(class.find(&odd).await, ids.into_iter().map(Some).collect::<Vec<_>>());
}

pub async fn classes_do_not_see_each_other(subject: &Subject) {
    let (one, other) = (subject.class(), subject.class());
    assert_eq!(one.assign(&["a", "b"], FOREVER).await, [1, 2]);
    assert_eq!(other.find(&["a"]).await, [None]);
    assert_eq!(other.assign(&["b"], FOREVER).await, [1]);
    assert_eq!(other.forget(&["a", "b"], FOREVER).await, 1);
    assert_eq!(one.find(&["b"]).await, [Some(2)]);
}

pub async fn finding_makes_nothing(subject: &Subject) {
    let class = subject.class();
    assert_eq!(class.find(&["a", "b"]).await, [None, None]);
    assert_eq!(class.assign(&["b"], FOREVER).await, [1]);
    assert_eq!(class.find(&["a", "b", "a"]).await, [None, Some(1), None]);
}

pub async fn an_id_that_was_forgotten_is_not_given_again(subject: &Subject) {
    let class = subject.class();
    for rules in [FOREVER, REVERSIBLE] {
        let ids = class.assign(&["a", "b"], rules).await;
        assert_eq!(class.forget(&["a", "nobody"], rules).await, 1);
        assert_eq!(class.forget(&["a"], rules).await, 0);
        assert_eq!(class.find(&["a", "b"]).await, [None, Some(ids[1])]);
        assert_eq!(class.assign(&["a"], rules).await, [ids.iter().max().unwrap() + 1]);
        assert_eq!(class.forget(&["a", "b"], rules).await, 2);
    }
}

pub async fn a_fixed_life_ends_however_often_its_key_is_asked_for(subject: &Subject) {
    let class = subject.class();
    assert_eq!(class.assign(&["a"], fixed(false)).await, [1]);
    tokio::time::sleep(LIFE / 3).await;
    assert_eq!(class.assign(&["a"], fixed(false)).await, [1]);
    tokio::time::sleep(PAST_LIFE - LIFE / 3).await;
    assert_eq!(class.find(&["a"]).await, [None]);
    assert_eq!(class.assign(&["a"], fixed(false)).await, [2]);
}

pub async fn a_sliding_life_begins_anew_when_its_key_is_asked_for(subject: &Subject) {
    let class = subject.class();
    let rules = IdRules { ttl: IdTtl::sliding(2 * LIFE).unwrap(), reverse: true };
    assert_eq!(class.assign(&["a", "b"], rules).await, [1, 2]);
    tokio::time::sleep(LIFE).await;
    assert_eq!(class.assign(&["a"], rules).await, [1]);
    // Looking does not count.
    assert_eq!(class.find(&["b"]).await, [Some(2)]);
    assert_eq!(class.keys_of(&[2]).await, [some("b")]);
    tokio::time::sleep(PAST_LIFE).await;
    assert_eq!(class.find(&["a", "b"]).await, [Some(1), None]);
    assert_eq!(class.keys_of(&[1, 2]).await, [some("a"), None]);
}

pub async fn the_way_back_leads_to_the_key_as_long_as_the_mapping_lives(subject: &Subject) {
    let class = subject.class();
    assert_eq!(class.assign(&["a", "b"], REVERSIBLE).await, [1, 2]);
    assert_eq!(class.assign(&["c"], fixed(true)).await, [3]);
    assert_eq!(class.keys_of(&[3, 2, 9, 1, 2]).await, [some("c"), some("b"), None, some("a"), some("b")]);
    tokio::time::sleep(PAST_LIFE).await;
    assert_eq!(class.keys_of(&[1, 3]).await, [some("a"), None]);
    // The key's next ID leads back, the earlier one does not.
    assert_eq!(class.assign(&["c"], REVERSIBLE).await, [4]);
    assert_eq!(class.keys_of(&[3, 4]).await, [None, some("c")]);
    assert_eq!(class.forget(&["b"], REVERSIBLE).await, 1);
    assert_eq!(class.keys_of(&[2]).await, [None]);
}

pub async fn an_id_from_before_the_way_back_was_kept_leads_back_once_its_key_is_asked_for(subject: &Subject) {
    let class = subject.class();
    assert_eq!(class.assign(&["a"], FOREVER).await, [1]);
    assert_eq!(class.keys_of(&[1]).await, [None]);
    assert_eq!(class.assign(&["a"], REVERSIBLE).await, [1]);
    assert_eq!(class.keys_of(&[1]).await, [some("a")]);
    // And a way back that nobody took care of does not mislead.
    assert_eq!(class.forget(&["a"], FOREVER).await, 1);
    assert_eq!(class.keys_of(&[1]).await, [None]);
}

pub async fn reserved_ids_are_nobodys_and_come_from_the_same_counter(subject: &Subject) {
    let class = subject.class();
    let first = class.reserve(10, 0).await;
    assert_eq!(first, Reserved { ids: 1..=10, counter: CounterMove { before: 0, after: 10 } });
    assert_eq!(class.assign(&["a"], FOREVER).await, [11]);
    assert_eq!(class.reserve(1, 0).await.ids, 12..=12);
    assert_eq!(class.reserve(MAX_RESERVATION, 0).await.ids, 13..=12 + MAX_RESERVATION);
    let more = subject.backend.reserve_ids(&class.class, count(MAX_RESERVATION + 1), 0).await.unwrap_err();
    assert_eq!((more.kind(), more.is_maybe_applied()), (BackendErrorKind::TooLarge, false));
    assert_eq!(class.reserve(1, 0).await.counter.before, 12 + MAX_RESERVATION);
}

pub async fn a_counter_below_the_floor_is_lifted_before_it_is_used(subject: &Subject) {
    let class = subject.class();
    assert_eq!(class.assign(&["a"], FOREVER).await, [1]);
    let lifted = class.assigned(&[key("a"), key("b")], FOREVER, 100).await;
    assert_eq!(lifted, Assigned { ids: vec![1, 101], counter: CounterMove { before: 1, after: 101 } });
    let lifted = class.reserve(5, 1000).await;
    assert_eq!(lifted, Reserved { ids: 1001..=1005, counter: CounterMove { before: 101, after: 1005 } });
    // A floor that the counter has reached changes nothing, and known keys alone lift it, too.
    assert_eq!(class.reserve(1, 1005).await.ids, 1006..=1006);
    let known = class.assigned(&[key("a")], FOREVER, 5000).await;
    assert_eq!(known, Assigned { ids: vec![1], counter: CounterMove { before: 1006, after: 5000 } });
    assert_eq!(class.reserve(1, 0).await.ids, 5001..=5001);
}

pub async fn ids_are_exact_up_to_the_greatest_and_then_there_are_no_more(subject: &Subject) {
    let class = subject.class();
    assert_eq!(class.reserve(1, (1 << 53) - 2).await.ids, (1 << 53) - 1..=(1 << 53) - 1);
    assert_eq!(class.assign(&["a", "b", "c"], REVERSIBLE).await, [1 << 53, (1 << 53) + 1, (1 << 53) + 2]);
    assert_eq!(class.keys_of(&[(1 << 53) + 1]).await, [some("b")]);

    let near = class.assigned(&[key("d")], REVERSIBLE, LARGEST_ID - 3).await;
    assert_eq!(near.ids, [LARGEST_ID - 2]);
    let three = [key("e"), key("f"), key("g")];
    let refused = subject.backend.assign_ids(&class.class, &three, FOREVER, 0).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_maybe_applied()), (BackendErrorKind::Exhausted, false));
    assert_eq!(class.find(&["e", "f", "g"]).await, [None; 3]);
    let refused = subject.backend.reserve_ids(&class.class, count(3), 0).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_maybe_applied()), (BackendErrorKind::Exhausted, false));

    assert_eq!(class.assign(&["e", "f"], REVERSIBLE).await, [LARGEST_ID - 1, LARGEST_ID]);
    assert_eq!(class.keys_of(&[LARGEST_ID]).await, [some("f")]);
    let refused = subject.backend.assign_ids(&class.class, &[key("g")], FOREVER, 0).await.unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::Exhausted);
    // Those who have an ID still find it.
    assert_eq!(class.assign(&["a", "f"], FOREVER).await, [1 << 53, LARGEST_ID]);
}

pub async fn an_offered_id_is_taken_only_by_a_key_without_one(subject: &Subject) {
    let class = subject.class();
    assert_eq!(class.offer("a", 7, IdTtl::NONE).await, 7);
    assert_eq!(class.offer("a", 8, IdTtl::NONE).await, 7);
    assert_eq!(class.find(&["a"]).await, [Some(7)]);
    let offers = [("b", 9), ("a", 10), ("b", 11)].map(|(text, id)| IdOffer { key: key(text), id });
    assert_eq!(subject.backend.offer_ids(&class.class, &offers, IdTtl::NONE).await.unwrap(), [9, 7, 9]);
    // An offer leaves the counter alone.
    assert_eq!(class.assign(&["c"], FOREVER).await, [1]);
    assert_eq!(class.offer("d", LARGEST_ID, fixed(false).ttl).await, LARGEST_ID);
    tokio::time::sleep(PAST_LIFE).await;
    assert_eq!(class.offer("d", 12, IdTtl::NONE).await, 12);
}

pub async fn what_was_seen_of_a_counter_is_shared_by_all_who_use_the_class(subject: &Subject) {
    let (one, other) = (subject.class().class, subject.class().class);
    let floor = |class| subject.backend.counter_floor(class);
    assert!(Arc::ptr_eq(&floor(&one), &floor(&one)));
    assert!(!Arc::ptr_eq(&floor(&one), &floor(&other)));
}

pub async fn calls_without_items_change_nothing(subject: &Subject) {
    let class = subject.class();
    assert!(class.assign(&[], REVERSIBLE).await.is_empty() && class.find(&[]).await.is_empty());
    assert!(class.keys_of(&[]).await.is_empty());
    assert_eq!(class.forget(&[], FOREVER).await + class.forget(&[], REVERSIBLE).await, 0);
    assert!(subject.backend.offer_ids(&class.class, &[], IdTtl::NONE).await.unwrap().is_empty());
    assert_eq!(class.reserve(1, 0).await.ids, 1..=1);
}

pub async fn a_full_batch_is_assigned_and_a_greater_one_refused(subject: &Subject) {
    let (class, backend) = (subject.class(), &subject.backend);
    let keys = numbered(MAX_BATCH + 1);
    let name = &class.class;
    for refused in [
        backend.assign_ids(name, &keys, FOREVER, 0).await.map(drop),
        backend.find_ids(name, &keys).await.map(drop),
        backend.forget_ids(name, &keys, FOREVER).await.map(drop),
        backend.forget_ids(name, &keys, REVERSIBLE).await.map(drop),
        backend.find_keys(name, &vec![1; MAX_BATCH + 1]).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::TooLarge, false));
    }
    let full = &keys[..MAX_BATCH];
    let ids: Vec<_> = (1..=MAX_BATCH as u64).collect();
    assert_eq!(class.assigned(full, REVERSIBLE, 0).await.ids, ids);
    assert_eq!(backend.find_ids(name, full).await.unwrap(), ids.iter().copied().map(Some).collect::<Vec<_>>());
    let keys: Vec<_> = full.iter().cloned().map(Some).collect();
    assert_eq!(backend.find_keys(name, &ids).await.unwrap(), keys);
    assert_eq!(backend.forget_ids(name, full, REVERSIBLE).await.unwrap(), MAX_BATCH);
}

pub async fn racing_callers_agree_on_ids_without_a_gap(subject: &Subject) {
    const KEYS: usize = 200;
    let class = subject.class();
    let callers = (0..16).map(|caller| {
        let (backend, class, mut keys) = (subject.backend.clone(), class.class.clone(), numbered(KEYS));
        tokio::spawn(async move {
            keys.rotate_left(caller * 7);
            let mut ids = Vec::new();
            for some in keys.chunks(9) {
                let answer = backend.assign_ids(&class, some, FOREVER, 0).await.unwrap();
                ids.extend(some.iter().cloned().zip(answer.ids));
            }
            ids
        })
    });
    let mut answers = BTreeSet::new();
    for caller in callers.collect::<Vec<_>>() {
        answers.extend(caller.await.unwrap().into_iter().map(|(key, id)| (id, key.to_string())));
    }
    // One ID for each key, and each ID from 1 on once.
    assert_eq!(answers.iter().map(|(id, _)| *id).collect::<Vec<_>>(), (1..=KEYS as u64).collect::<Vec<_>>());
    let keys: BTreeSet<_> = answers.iter().map(|(_, key)| key).collect();
    assert_eq!(keys.len(), KEYS);
}
