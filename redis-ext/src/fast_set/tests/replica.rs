use super::{
    super::{
        changes::Diff,
        members::Members,
        replica::{Replica, Step},
    },
    *,
};

fn loaded(mark: SetMark, members: &[u32]) -> Replica<u32> {
    let mut replica = Replica::new();
    replica.begin_load();
    assert!(replica.replace(None, mark, members_of(members)).is_some());
    replica.end_load();
    replica
}

fn members_of(numbers: &[u32]) -> Members<u32> {
    Members::of(&numbers.iter().map(|number| number.to_string().into_bytes()).collect::<Vec<_>>())
}

fn shown(step: &Step<u32>) -> (u64, Vec<u32>) {
    let mut members: Vec<_> = step.view.members.iter().map(|member| **member).collect();
    members.sort_unstable();
    (step.view.mark.version, members)
}

fn all_shown(steps: &[Step<u32>]) -> Vec<(u64, Vec<u32>)> {
    steps.iter().map(shown).collect()
}

#[test]
fn a_step_is_made_from_where_the_copy_stands_and_from_nowhere_else() {
    let start = mark(5, 50, 1);
    let mut replica = loaded(start, &[1]);
    for stranger in [mark(5, 51, 1), mark(5, 50, 2), mark(4, 50, 1), SetMark { change: None, ..start }] {
        assert!(replica.apply(delta(stranger, 60, &[], &[2])).is_empty(), "{stranger:?}");
    }
    let steps = replica.apply(delta(start, 60, &[1], &[2, 3]));
    assert_eq!(all_shown(&steps), [(6, vec![2, 3])]);
    let Some(Diff { added, removed }) = &steps[0].diff else { panic!("a step tells what it did") };
    assert_eq!((added.len(), removed.len()), (2, 1));
    assert!(replica.apply(delta(start, 60, &[1], &[2, 3])).is_empty(), "not twice");
}

#[test]
fn steps_that_come_out_of_order_are_made_in_order() {
    let start = mark(0, 9, 0);
    let first = delta(start, 1, &[], &[1]);
    let second = delta(first.after, 2, &[], &[2]);
    let third = delta(second.after, 3, &[1], &[]);
    let mut replica = loaded(start, &[]);
    assert!(replica.apply(third).is_empty());
    assert!(replica.apply(second).is_empty());
    assert_eq!(all_shown(&replica.apply(first)), [(1, vec![1]), (2, vec![1, 2]), (3, vec![2])]);
}

#[test]
fn a_change_too_great_to_be_told_is_no_step() {
    let start = mark(0, 9, 0);
    let mut replica = loaded(start, &[]);
    assert!(replica.apply(SetDelta { members: None, ..delta(start, 1, &[], &[1]) }).is_empty());
    assert_eq!(replica.mark(), Some(start));
}

#[test]
fn a_load_that_is_older_than_the_copy_is_brought_up_to_it() {
    let start = mark(3, 30, 1);
    let mut replica = loaded(start, &[1]);
    replica.begin_load();
    let own = delta(start, 40, &[], &[2]);
    let after = own.after;
    assert_eq!(replica.apply(own).len(), 1);
    // The load saw the set before that, and found that it was not what the copy took it for.
    let step = replica.replace(Some(start), start, members_of(&[7])).unwrap();
    assert_eq!(shown(&step), (4, vec![2, 7]));
    assert_eq!(replica.mark(), Some(after));
}

#[test]
fn a_load_that_cannot_be_brought_up_to_the_copy_is_not_taken_over() {
    let start = mark(3, 30, 1);
    let mut replica = loaded(start, &[1]);
    replica.begin_load();
    let own = delta(start, 40, &[], &[2]);
    let after = own.after;
    assert_eq!(replica.apply(own).len(), 1);
    assert!(replica.replace(Some(start), mark(3, 31, 1), members_of(&[7])).is_none(), "the version does not go back");
    assert_eq!(replica.mark(), Some(after));
}

#[test]
fn a_store_that_was_reset_is_followed_back() {
    let mut replica = loaded(mark(9, 90, 1), &[1]);
    replica.begin_load();
    let step = replica.replace(Some(mark(9, 90, 1)), mark(2, 20, 1), members_of(&[5])).unwrap();
    assert_eq!(shown(&step), (2, vec![5]));
}

#[test]
fn a_value_that_is_only_spelt_in_another_way_neither_comes_nor_goes() {
    let mut replica = Replica::<u32>::new();
    replica.begin_load();
    let start = mark(1, 10, 1);
    replica.replace(None, start, members_of(&[1]));
    let spelt = |text: &str| vec![text.as_bytes().to_vec()];
    let members = DeltaMembers { removed: spelt("1"), added: spelt(" 1") };
    let respelt = SetDelta { members: Some(members), ..delta(start, 11, &[1], &[1]) };
    let steps = replica.apply(respelt);
    assert_eq!(all_shown(&steps), [(2, vec![1])]);
    let Some(Diff { added, removed }) = &steps[0].diff else { panic!("a step tells what it did") };
    assert!(added.is_empty() && removed.is_empty());
}
