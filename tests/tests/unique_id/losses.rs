//! A counter that goes back, by a flush or a failover: this process gives no ID twice, and says so.

use super::*;

#[test]
fn after_a_flush_no_id_is_given_twice_and_the_loss_is_counted() {
    in_system(async {
        let stage = Stage::new().await;
        let ids = stage.ids();
        let before = ids.get_or_create_many(["a", "b", "c"]).await.unwrap();
        assert_eq!(ids.stats().counter_losses, 0);

        stage.ask::<()>("FLUSHALL", &[""; 0]);
        let again = ids.get_or_create("a").await.unwrap();
        assert!(again > before[2], "{again} after {before:?}");
        assert_eq!((ids.stats().counter_losses, stage.ask::<String>("GET", &["user:auto"])), (1, "4".to_owned()));
        assert_eq!(ids.get_or_create("b").await.unwrap(), 5);
        assert_eq!(ids.stats().counter_losses, 1);
    });
}

#[test]
fn a_replica_that_was_behind_is_noticed_even_by_calls_that_need_no_new_id() {
    in_system(async {
        let stage = Stage::new().await;
        let ids = stage.ids();
        ids.get_or_create_many(["a", "b", "c", "d"]).await.unwrap();
        // The last two writes did not reach the replica that took over.
        stage.ask::<()>("SET", &["user:auto", "2"]);
        stage.ask::<()>("DEL", &["user:id:c", "user:id:d"]);
        assert_eq!(ids.get_or_create("a").await.unwrap(), 1);
        assert_eq!(ids.stats().counter_losses, 1);
        assert_eq!(stage.ask::<String>("GET", &["user:auto"]), "4");
        assert_eq!(ids.get_or_create("c").await.unwrap(), 5);
    });
}

#[test]
fn all_handles_of_a_process_share_what_was_seen_of_the_counter() {
    in_system(async {
        let stage = Stage::new().await;
        let (one, other) = (stage.ids(), stage.ids());
        one.get_or_create_many(["a", "b", "c"]).await.unwrap();
        stage.ask::<()>("FLUSHALL", &[""; 0]);
        assert_eq!(other.get_or_create("d").await.unwrap(), 4);
        let single = UniqueId::builder(stage.backend.clone(), CLASS).single_key_commands().start().unwrap();
        stage.ask::<()>("FLUSHALL", &[""; 0]);
        assert_eq!(single.get_or_create("e").await.unwrap(), 5);
        assert_eq!(one.stats().counter_losses + other.stats().counter_losses + single.stats().counter_losses, 2);
    });
}

#[test]
fn ranges_go_on_above_those_that_were_handed_out_before_the_loss() {
    in_system(async {
        let stage = Stage::new().await;
        let ids = stage.ids();
        let mut last = 0;
        for round in 0..4 {
            for id in ids.next_ids(5_000).await.unwrap() {
                assert!(id.get() > last, "{id} after {last}");
                last = id.get();
            }
            if round % 2 == 0 {
                stage.ask::<()>("FLUSHALL", &[""; 0]);
            }
        }
        let losses = ids.stats().counter_losses;
        assert!((1..=2).contains(&losses), "{losses} found losses of two");
    });
}
