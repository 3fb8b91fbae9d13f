//! The behaviour suite: what every backend must do, for authors of backends.
//!
//! A case is an async function over a [`Subject`], named by the behaviour that it checks, and it panics when the
//! backend behaves otherwise. The cases are listed once, below; [`conformance_tests!`](crate::conformance_tests) makes
//! a test of each.
//!
//! Cases wait with [`tokio::time::sleep`]: a backend on tokio's clock runs them with a paused clock in no time, one with
//! a server's clock takes up to a few seconds for each. What must happen by a certain time has seconds to spare, so
//! that a busy machine does not fail a case.
//!
//! # Examples
//! In a file of an integration test:
//! ```
//! use redis_ext::backend::conformance::Subject;
//! use redis_ext_memory::MemoryBackend;
//!
//! redis_ext::conformance_tests! {
//!     #[tokio::test(start_paused = true)]
//!     memory: Subject::new(MemoryBackend::new())
//! }
//! # fn main() {}
//! ```

#![expect(clippy::unwrap_used, reason = "a case fails by a panic")]
#![expect(missing_docs, reason = "the name of a case is the sentence that documents it")]

mod cancelling;
mod claiming;
mod contention;
mod dead_letters;
mod debounce;
mod effects;
mod ids;
mod leases;
mod pausing;
mod queueing;
mod recovery;
mod scheduling;
mod sets;
mod settling;
mod subject;
mod uniqueness;
mod waiting;

pub use subject::Subject;
use subject::{Worker, numbers};

crate::__conformance_cases! { export }

/// The list of all cases, which it hands on to [`__conformance_each`](crate::__conformance_each).
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_cases {
    ($($request:tt)+) => {
        $crate::__conformance_each! {
            [$($request)+]
            queueing:
                tasks_come_out_in_the_order_in_which_they_went_in,
                a_whole_slice_keeps_its_order,
                enqueue_answers_the_id_of_each_task,
                entries_keep_every_byte,
                an_entry_of_the_greatest_size_is_accepted,
                an_entry_over_the_limit_is_refused_and_nothing_is_enqueued,
                empty_slices_change_nothing,
                queues_do_not_see_each_other,
                queue_names_may_be_in_any_script,
                an_unknown_queue_is_an_empty_one,
                inspect_counts_what_is_in_each_state;
            claiming:
                a_claim_gives_no_more_than_was_asked_for,
                a_claim_never_gives_more_than_a_full_batch,
                an_empty_queue_gives_nothing,
                a_repeated_claim_gives_the_same_tasks,
                a_late_copy_of_an_earlier_claim_takes_nothing,
                a_claim_needs_a_lease,
                joining_again_keeps_what_was_claimed,
                no_two_workers_get_the_same_task,
                a_claim_tells_the_time_of_the_backend;
            settling:
                a_task_that_is_done_is_gone,
                a_retry_is_ready_after_its_delay_as_it_was_rewritten,
                a_dead_task_is_listed_with_all_that_is_known_of_it,
                dead_letters_keep_every_byte,
                released_tasks_return_to_the_head_in_order,
                a_part_of_a_batch_can_be_settled,
                one_call_settles_tasks_of_several_batches_in_every_way,
                settling_claims_the_next_tasks_in_the_same_step,
                a_released_task_can_be_claimed_in_the_same_step,
                a_repeated_settlement_changes_nothing,
                a_repeated_settlement_gives_the_same_next_tasks,
                a_settlement_repeated_after_its_task_came_back_does_not_touch_it,
                settling_needs_a_lease;
            cancelling:
                a_cancelled_task_is_known_until_it_is_settled,
                cancelled_tasks_are_told_from_others_in_the_order_of_the_question,
                every_way_to_claim_tells_whether_tasks_are_cancelled,
                cancelling_moves_no_task,
                cancelling_twice_and_cancelling_what_is_gone_does_no_harm,
                a_cancelled_task_releases_its_unique_lock,
                a_repeated_settlement_of_a_cancelled_task_changes_nothing,
                a_scheduled_task_can_be_cancelled,
                a_cancelled_task_of_a_dead_worker_stays_cancelled,
                a_cancellation_is_of_one_queue,
                a_replay_takes_a_cancellation_back,
                thousands_of_tasks_are_cancelled_in_one_call,
                cancelling_and_asking_for_nothing_is_fine;
            leases:
                a_renewed_lease_keeps_its_tasks,
                an_expired_lease_that_nobody_recovered_comes_back_to_life,
                an_expired_lease_that_nobody_recovered_can_still_settle,
                renewing_needs_a_lease,
                a_recovered_incarnation_has_lost_its_lease,
                settling_after_a_recovery_has_no_effect,
                leaving_returns_unsettled_tasks_unchanged_and_in_order,
                leaving_twice_is_fine,
                a_worker_that_left_has_no_lease,
                leaving_after_a_recovery_takes_nothing_from_the_next_worker;
            recovery:
                a_living_worker_is_left_alone,
                when_nobody_has_watched_for_long_the_living_renew_before_anyone_is_recovered,
                tasks_of_a_dead_worker_return_to_the_head_in_order,
                recovery_counts_an_attempt_and_a_crash,
                a_bare_task_gets_an_envelope_when_it_is_recovered,
                entries_that_cannot_hold_a_count_are_recovered_unchanged,
                only_unsettled_tasks_are_recovered,
                several_dead_workers_are_recovered,
                a_worker_that_died_with_nothing_is_forgotten,
                poison_goes_to_the_dead_letters,
                poison_releases_its_unique_lock,
                thousands_of_tasks_are_recovered_in_bounded_steps,
                a_recovery_that_has_begun_ends_the_lease;
            scheduling:
                a_scheduled_task_waits_for_its_time,
                a_task_can_be_scheduled_for_a_point_in_time,
                a_time_that_has_passed_is_due_at_once,
                scheduled_tasks_become_ready_in_the_order_of_their_times,
                promoted_tasks_join_the_tail,
                equal_entries_scheduled_twice_both_arrive,
                scheduled_entries_keep_every_byte,
                promote_moves_no_more_than_was_asked_for,
                thousands_of_due_tasks_are_promoted_in_bounded_steps;
            uniqueness:
                a_duplicate_is_left_out_and_answered_with_the_holders_id,
                a_duplicate_within_one_call_is_left_out,
                a_unique_task_enqueued_again_after_a_lost_reply_stands_there_once,
                a_scheduled_task_holds_its_lock,
                a_lock_is_released_when_its_task_is_done,
                a_lock_is_released_when_its_task_is_dead,
                a_lock_is_kept_through_a_retry,
                a_lock_expires,
                a_lock_is_released_only_by_its_holder,
                a_lock_is_of_one_queue;
            dead_letters:
                dead_letters_are_listed_in_pages_latest_first,
                a_replayed_task_runs_again_as_if_it_had_never_been_tried,
                dead_letters_are_replayed_by_id_and_unknown_ids_are_passed_over,
                all_dead_letters_are_replayed_to_the_tail,
                thousands_of_dead_letters_are_replayed_and_deleted,
                dead_letters_are_deleted_by_id_and_all_together,
                the_oldest_dead_letters_over_the_count_are_trimmed,
                dead_letters_over_the_age_are_trimmed,
                the_oldest_dead_letters_over_the_bytes_are_trimmed,
                what_was_deleted_or_replayed_does_not_count_for_the_bounds,
                dead_letters_within_the_bounds_are_kept;
            waiting:
                a_waiting_claim_takes_at_once_what_is_there,
                a_waiting_claim_gets_a_task_pushed_meanwhile,
                a_waiting_claim_is_woken_by_whatever_makes_a_task_ready,
                a_waiting_claim_ends_when_its_patience_is_over,
                a_waiting_claim_ends_on_stop_with_nothing_claimed,
                of_two_waiting_claims_one_gets_the_task,
                a_repeated_waiting_claim_gives_the_same_tasks,
                a_waiting_claim_takes_as_many_as_are_there,
                a_dropped_waiting_claim_loses_nothing,
                a_worker_that_is_recovered_while_it_waits_takes_nothing,
                a_waiting_claim_needs_a_lease;
            pausing:
                a_paused_queue_gives_nothing_and_keeps_what_is_pushed,
                claimed_tasks_go_on_while_the_queue_is_paused,
                a_pause_holds_back_a_waiting_claim_and_resuming_wakes_it,
                a_waiting_claim_on_a_paused_queue_ends_with_its_patience,
                pausing_and_resuming_twice_is_fine;
            effects:
                a_finished_effect_is_not_begun_again,
                only_the_latest_run_finishes_an_effect,
                an_effect_finished_again_after_a_lost_reply_keeps_its_result,
                effects_of_other_names_and_tasks_are_others,
                an_effect_is_forgotten_after_its_time;
            contention:
                many_workers_get_each_of_many_tasks_once,
                many_waiting_workers_get_each_of_many_tasks_once,
                tasks_of_one_producer_keep_their_order_among_others,
                settling_from_many_workers_at_once_loses_nothing,
                promoting_from_many_workers_at_once_moves_each_task_once,
                recovering_from_many_workers_at_once_returns_each_task_once,
                inspect_sees_every_task_once_while_all_of_them_move;
            ids:
                ids_begin_at_one_and_are_dense_in_the_order_of_the_keys,
                a_key_that_stands_twice_in_a_call_gets_one_id,
                keys_may_hold_any_text,
                classes_do_not_see_each_other,
                finding_makes_nothing,
                an_id_that_was_forgotten_is_not_given_again,
                a_fixed_life_ends_however_often_its_key_is_asked_for,
                a_sliding_life_begins_anew_when_its_key_is_asked_for,
                the_way_back_leads_to_the_key_as_long_as_the_mapping_lives,
                an_id_from_before_the_way_back_was_kept_leads_back_once_its_key_is_asked_for,
                reserved_ids_are_nobodys_and_come_from_the_same_counter,
                a_counter_below_the_floor_is_lifted_before_it_is_used,
                ids_are_exact_up_to_the_greatest_and_then_there_are_no_more,
                an_offered_id_is_taken_only_by_a_key_without_one,
                what_was_seen_of_a_counter_is_shared_by_all_who_use_the_class,
                calls_without_items_change_nothing,
                a_full_batch_is_assigned_and_a_greater_one_refused,
                racing_callers_agree_on_ids_without_a_gap;
            debounce:
                the_first_deadline_stands,
                a_firing_that_left_can_be_triggered_again,
                a_trailing_trigger_resets_the_timer,
                a_trailing_firing_waits_no_longer_than_its_longest_wait,
                a_trailing_firing_is_due_at_once_with_its_last_trigger,
                a_throttled_member_fires_at_once_and_then_is_quiet,
                a_throttled_firing_that_is_cancelled_leaves_no_quiet_time,
                the_first_payload_stands_or_the_last_or_all_do,
                an_accumulated_firing_is_due_at_once_when_it_is_full_and_then_takes_no_more,
                an_accumulated_firing_takes_no_more_bytes_than_it_may,
                a_trigger_repeated_after_a_lost_reply_adds_its_payload_once,
                a_replacement_takes_the_place_of_what_is_pending,
                one_call_triggers_many_members_and_one_of_them_twice,
                a_firing_waits_for_its_time_and_the_claim_tells_for_how_long,
                firings_are_claimed_in_the_order_of_their_times,
                a_claim_may_take_what_is_not_due_yet,
                a_time_before_the_epoch_or_at_it_is_due_at_once,
                a_repeated_claim_of_firings_gives_the_same,
                members_and_payloads_keep_every_byte,
                an_item_over_the_limit_is_refused_and_nothing_is_pending,
                triggers_during_a_run_give_exactly_one_more,
                a_firing_that_waits_for_a_run_can_be_moved_and_cancelled,
                firings_of_an_expired_claim_are_pending_again_as_they_were,
                a_renewed_claim_keeps_its_firings,
                an_expired_claim_that_nobody_recovered_can_still_settle,
                a_returned_firing_becomes_one_with_what_was_triggered_meanwhile,
                thousands_of_firings_are_claimed_in_bounded_steps_each_by_one_claimant,
                a_firing_goes_to_a_queue_in_one_step_and_once,
                a_firing_wakes_a_worker_of_its_queue,
                a_firing_waits_while_its_tasks_lock_is_held,
                a_firing_can_be_put_off,
                a_quarantined_firing_is_kept_with_its_reason_and_the_rest_of_its_claim_goes_on,
                quarantined_firings_are_listed_released_and_deleted,
                settling_what_a_claim_does_not_hold_changes_nothing,
                an_unknown_debouncer_is_an_empty_one,
                a_cancelled_firing_is_forgotten_and_an_active_one_goes_on,
                clearing_forgets_what_is_pending_and_nothing_else,
                a_peek_lists_the_next_firings_and_takes_none,
                due_times_are_told_in_the_order_of_the_question,
                debouncers_do_not_see_each_other,
                whoever_watches_is_woken_when_something_is_due_before_all_else,
                whoever_watches_is_woken_when_a_run_ends_that_another_waits_for,
                the_backends_time_goes_on;
            sets:
                an_unknown_set_is_empty_and_has_the_version_zero,
                a_change_adds_one_to_the_version_and_tells_what_it_did,
                a_change_that_changes_nothing_leaves_the_version_alone,
                members_keep_every_byte,
                a_repeated_change_is_made_once_and_answers_the_same,
                a_change_of_another_version_than_expected_is_a_conflict,
                the_first_candidates_that_are_members_are_taken,
                a_replacement_leaves_nothing_else,
                a_change_of_thousands_of_members_is_one_version,
                the_deltas_since_a_mark_lead_to_the_present,
                a_mark_that_never_was_gets_the_members,
                a_log_too_short_for_a_mark_gets_the_members,
                a_set_too_large_for_one_answer_is_scanned,
                a_scan_gives_what_stays_while_others_come_and_go,
                a_copy_stands_still_while_the_set_changes,
                membership_is_told_in_the_order_of_the_question,
                sets_do_not_see_each_other,
                an_armed_watch_tells_of_the_next_change,
                a_watch_tells_of_clearing_and_of_great_changes,
                every_watch_of_a_set_is_told,
                a_change_during_the_wait_wakes_the_watch,
                writers_at_once_give_each_version_once;
        }
    };
}

/// Does with the list what its first argument asks for.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_each {
    ([export] $($module:ident: $($case:ident),+;)+) => {
        $(pub use self::$module::{$($case),+};)+
    };
    ([test $attributes:tt $subject:tt] $($module:ident: $($case:ident),+;)+) => {
        $($($crate::__conformance_each! { @one $attributes $subject $case })+)+
    };
    (@one [$($attribute:tt)*] [$subject:expr] $case:ident) => {
        $($attribute)*
        async fn $case() {
            $crate::backend::conformance::$case(&$subject).await;
        }
    };
}

/// Makes a test of each case of the [behaviour suite](crate::backend::conformance), in a module of the given name.
///
/// Before the name stand the attributes of each test; after it, the expression that makes a test's
/// [`Subject`](crate::backend::conformance::Subject), in which `.await` may be used.
///
/// # Examples
/// See [the suite](crate::backend::conformance).
#[macro_export]
macro_rules! conformance_tests {
    ($(#[$attribute:meta])* $name:ident: $subject:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "the expression may name something of the module around")]
            use super::*;

            $crate::__conformance_cases! { test [$(#[$attribute])*] [$subject] }
        }
    };
}
