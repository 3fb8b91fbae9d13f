//! Sets: versions, deltas, changes that are whole and made once, scans, and watches.

use std::{collections::BTreeSet, num::NonZeroUsize, time::Duration};

use super::Subject;
use crate::{
    BackendErrorKind, SetName,
    backend::{
        ArmedState, ChangeId, DeltaMembers, MAX_BATCH, SetBackend as _, SetChange, SetChanged, SetCursor, SetDelta,
        SetEdit, SetMark, SetNews, SetState, SetWatch,
    },
};

/// How long news may take on a busy machine.
const PROMPT: Duration = Duration::from_secs(5);

/// How long a case waits to see that nothing happens.
const QUIET: Duration = Duration::from_millis(100);

type Members = BTreeSet<Vec<u8>>;

/// A set of a case's own.
struct Set<'s> {
    subject: &'s Subject,
    name: SetName,
}

impl Subject {
    fn set(&self) -> Set<'_> {
        Set { subject: self, name: SetName::new(format!("{}-set", self.other_queue("conformance").queue)).unwrap() }
    }
}

impl Set<'_> {
    async fn make(&self, change: &SetChange) -> SetChanged {
        self.subject.backend.change_set(&self.name, change).await.unwrap()
    }

    async fn changed(&self, edit: SetEdit) -> SetDelta {
        match self.make(&SetChange::new(edit)).await {
            SetChanged::Changed(delta) => delta,
            other => panic!("nothing changed: {other:?}"),
        }
    }

    async fn unchanged(&self, edit: SetEdit) -> SetMark {
        match self.make(&SetChange::new(edit)).await {
            SetChanged::Unchanged(mark) => mark,
            other => panic!("something changed: {other:?}"),
        }
    }

    async fn state(&self, since: Option<SetMark>) -> SetState {
        self.subject.backend.set_state(&self.name, since).await.unwrap()
    }

    async fn mark(&self) -> SetMark {
        self.state(None).await.mark
    }

    async fn members(&self) -> Members {
        match self.state(None).await.news {
            SetNews::Members(members) => {
                let count = members.len();
                let members: Members = members.into_iter().collect();
                assert_eq!(members.len(), count, "a member was given twice");
                members
            }
            SetNews::Scan => self.scan().await.into_iter().collect(),
            SetNews::Deltas(deltas) => panic!("nobody asked for {deltas:?}"),
        }
    }

    async fn scan(&self) -> Vec<Vec<u8>> {
        let (mut members, mut cursor) = (Vec::new(), SetCursor::START);
        loop {
            let page = self.subject.backend.scan_set(&self.name, &cursor).await.unwrap();
            members.extend(page.members);
            match page.next {
                Some(next) => cursor = next,
                None => return members,
            }
        }
    }

    async fn watch(&self) -> Box<dyn SetWatch> {
        self.subject.backend.watch_set(&self.name).await.unwrap()
    }
}

fn texts(texts: impl IntoIterator<Item = impl ToString>) -> Vec<Vec<u8>> {
    texts.into_iter().map(|text| text.to_string().into_bytes()).collect()
}

fn add(members: impl IntoIterator<Item = impl ToString>) -> SetEdit {
    SetEdit::Apply { remove: Vec::new(), add: texts(members) }
}

fn remove(members: impl IntoIterator<Item = impl ToString>) -> SetEdit {
    SetEdit::Apply { remove: texts(members), add: Vec::new() }
}

fn take(candidates: impl IntoIterator<Item = impl ToString>, most: usize) -> SetEdit {
    SetEdit::Take { candidates: texts(candidates), most: NonZeroUsize::new(most).unwrap() }
}

fn sets(DeltaMembers { removed, added }: DeltaMembers) -> (Members, Members) {
    (removed.into_iter().collect(), added.into_iter().collect())
}

fn set_of(members: impl IntoIterator<Item = impl ToString>) -> Members {
    texts(members).into_iter().collect()
}

/// The deltas between two marks, which must lead from the one to the other.
fn linked(since: SetMark, state: SetState) -> Vec<SetDelta> {
    let SetNews::Deltas(deltas) = state.news else { panic!("there are no deltas: {:?}", state.news) };
    let end = deltas.iter().fold(since, |mark, delta| {
        assert_eq!(delta.before, mark);
        delta.after
    });
    assert_eq!(end, state.mark);
    deltas
}

async fn told(watch: &dyn SetWatch) {
    assert!(tokio::time::timeout(PROMPT, watch.disturbed()).await.is_ok(), "a change is not told");
}

async fn not_told(watch: &dyn SetWatch) {
    assert!(tokio::time::timeout(QUIET, watch.disturbed()).await.is_err(), "nothing changed, and yet it was told");
}

/// Arms the watch until there is no more news of what has happened: some may be late.
async fn quieten(watch: &dyn SetWatch) {
    loop {
        let armed = watch.arm(None).await.unwrap();
        assert!(armed.unbroken, "{armed:?}");
        if tokio::time::timeout(QUIET, watch.disturbed()).await.is_err() && watch.confirm().await.unwrap() {
            return;
        }
    }
}

pub async fn an_unknown_set_is_empty_and_has_the_version_zero(subject: &Subject) {
    let set = subject.set();
    assert_eq!(set.state(None).await, SetState { mark: SetMark::NEW, news: SetNews::Members(Vec::new()) });
    assert_eq!(set.scan().await, Vec::<Vec<u8>>::new());
}

pub async fn a_change_adds_one_to_the_version_and_tells_what_it_did(subject: &Subject) {
    let set = subject.set();
    let first = set.changed(add(["a", "b", "a"])).await;
    assert_eq!((first.before, first.after.version, first.after.len), (SetMark::NEW, 1, 2));
    assert_eq!((first.removed, first.added), (0, 2));
    let edit = SetEdit::Apply { remove: texts(["a", "x"]), add: texts(["b", "c"]) };
    let second = set.changed(edit).await;
    assert_eq!((second.before, second.after.version, second.after.len), (first.after, 2, 2));
    assert_eq!(sets(second.members.unwrap()), (set_of(["a"]), set_of(["c"])));
    assert_eq!(set.members().await, set_of(["b", "c"]));
    assert_eq!(set.mark().await, second.after);
}

pub async fn a_change_that_changes_nothing_leaves_the_version_alone(subject: &Subject) {
    let set = subject.set();
    let mark = set.changed(add(["a"])).await.after;
    for edit in [add(["a"]), remove(["b"]), add([""; 0]), take(["b"], 1), SetEdit::Replace(texts(["a"]))] {
        assert_eq!(set.unchanged(edit).await, mark);
    }
    let both = SetEdit::Apply { remove: texts(["a"]), add: texts(["a"]) };
    assert_eq!(set.unchanged(both).await, mark, "what is added and removed stays");
    assert_eq!(set.mark().await, mark);
}

pub async fn members_keep_every_byte(subject: &Subject) {
    let set = subject.set();
    let odd: Vec<_> = super::subject::odd_entries();
    let delta = set.changed(SetEdit::Apply { remove: Vec::new(), add: odd.clone() }).await;
    let odd: Members = odd.into_iter().collect();
    assert_eq!(sets(delta.members.unwrap()).1, odd);
    assert_eq!(set.members().await, odd);
    let scanned = set.scan().await.into_iter().collect::<Members>();
    assert_eq!(scanned, odd);
}

pub async fn a_repeated_change_is_made_once_and_answers_the_same(subject: &Subject) {
    let set = subject.set();
    let first = SetChange::new(add(["a", "b"]));
    let made = set.make(&first).await;
    let taken = SetChange::new(take(["a", "b"], 1));
    let got = set.make(&taken).await;
    set.changed(remove(["b"])).await;
    let mark = set.mark().await;
    assert_eq!(set.make(&first).await, made);
    assert_eq!(set.make(&taken).await, got);
    assert_eq!(set.mark().await, mark);
    assert_eq!(set.members().await, Members::new());
}

pub async fn a_change_of_another_version_than_expected_is_a_conflict(subject: &Subject) {
    let set = subject.set();
    let change = SetChange::new(add(["a"])).expecting(0);
    let made = set.make(&change).await;
    assert!(matches!(made, SetChanged::Changed(_)), "{made:?}");
    assert_eq!(set.make(&SetChange::new(add(["b"])).expecting(0)).await, SetChanged::Conflict(1));
    assert_eq!(set.make(&change).await, made, "a repetition is no conflict");
    let nothing = set.make(&SetChange::new(add(["a"])).expecting(1)).await;
    assert!(matches!(nothing, SetChanged::Unchanged(_)), "{nothing:?}");
    let replacement = SetEdit::Replace(texts(0..2 * MAX_BATCH));
    assert_eq!(set.make(&SetChange::new(replacement).expecting(7)).await, SetChanged::Conflict(1));
    assert_eq!(set.members().await, set_of(["a"]));
}

pub async fn the_first_candidates_that_are_members_are_taken(subject: &Subject) {
    let set = subject.set();
    set.changed(add(["a", "b", "c"])).await;
    let delta = set.changed(take(["x", "c", "a", "b"], 2)).await;
    assert_eq!(sets(delta.members.unwrap()), (set_of(["a", "c"]), Members::new()));
    assert_eq!(set.members().await, set_of(["b"]));
    let candidates = take(0..=MAX_BATCH, 1);
    let error = subject.backend.change_set(&set.name, &SetChange::new(candidates)).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::TooLarge);
}

pub async fn a_replacement_leaves_nothing_else(subject: &Subject) {
    let set = subject.set();
    set.changed(add(["a", "b"])).await;
    let delta = set.changed(SetEdit::Replace(texts(["b", "c"]))).await;
    assert_eq!(sets(delta.members.unwrap()), (set_of(["a"]), set_of(["c"])));
    let delta = set.changed(SetEdit::Replace(Vec::new())).await;
    assert_eq!((delta.after.version, delta.after.len), (3, 0));
    assert_eq!(set.members().await, Members::new());
}

pub async fn a_change_of_thousands_of_members_is_one_version(subject: &Subject) {
    let set = subject.set();
    let many = SetChange::new(add(0..3000));
    let SetChanged::Changed(delta) = set.make(&many).await else { panic!("nothing changed") };
    assert_eq!((delta.after.version, delta.after.len, delta.added, &delta.members), (1, 3000, 3000, &None));
    assert_eq!(set.make(&many).await, SetChanged::Changed(delta), "a repetition");
    let mark = set.mark().await;
    let small = set.changed(SetEdit::Apply { remove: texts(2990..3010), add: texts(0..3) }).await;
    assert_eq!((small.before, small.removed, small.added), (mark, 10, 0));
    // Many are named, and few of them mean a change.
    let named = SetEdit::Apply { remove: texts(2000..2990), add: texts(0..2003) };
    let delta = set.changed(named).await;
    assert_eq!((delta.after.version, delta.after.len, delta.removed, delta.added), (3, 2003, 987, 0));
    let delta = set.changed(add(0..2010)).await;
    assert_eq!(sets(delta.members.unwrap()), (Members::new(), set_of(2003..2010)));
    set.unchanged(add(0..2010)).await;
    let delta = set.changed(SetEdit::Replace(texts(1000..4000))).await;
    assert_eq!((delta.after.version, delta.after.len, delta.removed, delta.added), (5, 3000, 1000, 1990));
    let delta = set.changed(SetEdit::Replace(texts(1001..4001))).await;
    assert_eq!(sets(delta.members.unwrap()), (set_of(1000..1001), set_of(4000..4001)));
    assert_eq!(set.members().await, set_of(1001..4001));
    let delta = set.changed(SetEdit::Replace(Vec::new())).await;
    assert_eq!((delta.after.version, delta.after.len, delta.removed), (7, 0, 3000));
}

pub async fn the_deltas_since_a_mark_lead_to_the_present(subject: &Subject) {
    let set = subject.set();
    let mut marks = vec![SetMark::NEW];
    for number in 0..10 {
        marks.push(set.changed(add([number])).await.after);
    }
    for (at, &mark) in marks.iter().enumerate() {
        let deltas = linked(mark, set.state(Some(mark)).await);
        assert_eq!(deltas.len(), 10 - at);
    }
}

pub async fn a_mark_that_never_was_gets_the_members(subject: &Subject) {
    let set = subject.set();
    let mark = set.changed(add(["a"])).await.after;
    set.changed(add(["b"])).await;
    for stranger in
        [SetMark { change: Some(ChangeId(1)), ..mark }, SetMark { len: 7, ..mark }, SetMark { version: 9, ..mark }]
    {
        match set.state(Some(stranger)).await.news {
            SetNews::Members(members) => assert_eq!(members.len(), 2),
            // The reader sees that they do not begin where it stands.
            SetNews::Deltas(deltas) => assert_ne!(deltas[0].before, stranger),
            SetNews::Scan => panic!("two members need no scan"),
        }
    }
}

pub async fn a_log_too_short_for_a_mark_gets_the_members(subject: &Subject) {
    let set = subject.set();
    for number in 0..600 {
        set.changed(if number % 2 == 0 { add(["a"]) } else { remove(["a"]) }).await;
    }
    assert_eq!(set.state(Some(SetMark::NEW)).await.news, SetNews::Members(Vec::new()));
}

pub async fn a_set_too_large_for_one_answer_is_scanned(subject: &Subject) {
    let set = subject.set();
    let mark = set.changed(add(0..=MAX_BATCH)).await.after;
    assert_eq!(set.state(None).await, SetState { mark, news: SetNews::Scan });
    assert_eq!(set.members().await, set_of(0..=MAX_BATCH));
    set.changed(remove([0])).await;
    assert!(matches!(set.state(None).await.news, SetNews::Members(members) if members.len() == MAX_BATCH));
}

pub async fn a_scan_gives_what_stays_while_others_come_and_go(subject: &Subject) {
    let set = subject.set();
    set.changed(add(0..5000)).await;
    let (mut seen, mut cursor, mut round) = (Members::new(), SetCursor::START, 5000);
    loop {
        let page = subject.backend.scan_set(&set.name, &cursor).await.unwrap();
        seen.extend(page.members);
        let Some(next) = page.next else { break };
        cursor = next;
        set.changed(SetEdit::Apply { remove: texts(round - 2000..round - 1900), add: texts(round..round + 300) }).await;
        round += 300;
    }
    let missing: Vec<_> = set_of(0..3000).difference(&seen).cloned().collect();
    assert_eq!(missing, Vec::<Vec<u8>>::new());
}

pub async fn a_copy_stands_still_while_the_set_changes(subject: &Subject) {
    let set = subject.set();
    let mark = set.changed(add(0..1000)).await.after;
    let copy = subject.backend.copy_set(&set.name).await.unwrap();
    assert_eq!(copy.mark, mark);
    let copied = Set { subject, name: copy.name };
    let page = subject.backend.scan_set(&copied.name, &SetCursor::START).await.unwrap();
    set.changed(SetEdit::Replace(texts(["a"]))).await;
    let rest = copied.scan().await;
    assert_eq!(rest.iter().cloned().collect::<Members>(), set_of(0..1000));
    assert!(page.members.iter().all(|member| rest.contains(member)));
    assert_eq!(set.members().await, set_of(["a"]));
    let nothing = subject.backend.copy_set(&subject.set().name).await.unwrap();
    assert_eq!(nothing.mark, SetMark::NEW);
}

pub async fn membership_is_told_in_the_order_of_the_question(subject: &Subject) {
    let set = subject.set();
    set.changed(add(["a", "b"])).await;
    let asked = texts(["b", "x", "a", "b"]);
    assert_eq!(subject.backend.set_contains(&set.name, &asked).await.unwrap(), [true, false, true, true]);
    assert_eq!(subject.backend.set_contains(&set.name, &[]).await.unwrap(), [false; 0]);
}

pub async fn sets_do_not_see_each_other(subject: &Subject) {
    let (set, other) = (subject.set(), subject.set());
    set.changed(add(["a"])).await;
    assert_eq!(other.mark().await, SetMark::NEW);
}

pub async fn an_armed_watch_tells_of_the_next_change(subject: &Subject) {
    let set = subject.set();
    let watch = set.watch().await;
    let ArmedState { state, .. } = watch.arm(None).await.unwrap();
    assert_eq!(state.mark, SetMark::NEW);
    assert!(watch.confirm().await.unwrap());
    not_told(&*watch).await;
    for number in 0..3 {
        let mark = set.changed(add([number])).await.after;
        told(&*watch).await;
        assert!(!watch.confirm().await.unwrap());
        let armed = watch.arm(Some(state.mark)).await.unwrap();
        assert!(armed.unbroken, "{armed:?}");
        assert_eq!(armed.state.mark, mark);
        assert_eq!(linked(state.mark, armed.state).len(), number + 1);
    }
    quieten(&*watch).await;
    not_told(&*watch).await;
    assert!(watch.confirm().await.unwrap());
}

pub async fn a_watch_tells_of_clearing_and_of_great_changes(subject: &Subject) {
    let set = subject.set();
    let watch = set.watch().await;
    watch.arm(None).await.unwrap();
    for edit in [add(0..2000), remove(0..1500), SetEdit::Replace(texts(0..2000)), SetEdit::Replace(Vec::new())] {
        set.changed(edit).await;
        told(&*watch).await;
        quieten(&*watch).await;
    }
}

pub async fn every_watch_of_a_set_is_told(subject: &Subject) {
    let set = subject.set();
    let watches = [set.watch().await, set.watch().await];
    for watch in &watches {
        watch.arm(None).await.unwrap();
    }
    set.changed(add(["a"])).await;
    for watch in &watches {
        told(&**watch).await;
    }
}

pub async fn a_change_during_the_wait_wakes_the_watch(subject: &Subject) {
    let set = subject.set();
    let watch = set.watch().await;
    watch.arm(None).await.unwrap();
    let change = async {
        tokio::time::sleep(QUIET).await;
        set.changed(add(["a"])).await;
    };
    tokio::join!(told(&*watch), change);
}

pub async fn writers_at_once_give_each_version_once(subject: &Subject) {
    let set = subject.set();
    let writers = (0..8).map(|writer| {
        let (set, subject) = (set.name.clone(), subject.clone());
        async move {
            let set = Set { subject: &subject, name: set };
            let mut versions = Vec::new();
            for number in 0..25 {
                versions.push(set.changed(add([writer * 100 + number])).await.after.version);
            }
            versions
        }
    });
    let mut versions = futures_util::future::join_all(writers).await.concat();
    versions.sort_unstable();
    assert_eq!(versions, (1..=200).collect::<Vec<_>>());
    assert_eq!(linked(SetMark::NEW, set.state(Some(SetMark::NEW)).await).len(), 200);
}
