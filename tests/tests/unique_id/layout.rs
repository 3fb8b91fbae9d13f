//! What lies on the server, and what others write there.

use super::*;

#[test]
fn ids_lie_where_the_python_package_has_them() {
    in_system(async {
        let stage = Stage::new().await;
        let ids = UniqueId::builder(stage.backend.clone(), CLASS).start().unwrap();
        assert_eq!(ids.get_or_create("ada").await.unwrap(), 1);
        assert_eq!(ids.get_or_create("b:id:ü").await.unwrap(), 2);
        assert_eq!(stage.ask::<String>("GET", &["user:auto"]), "2");
        assert_eq!(stage.ask::<String>("GET", &["user:id:ada"]), "1");
        assert_eq!(stage.ask::<String>("GET", &["user:id:b:id:ü"]), "2");
        assert_eq!(stage.ask::<i64>("TTL", &["user:auto"]), -1);
        let ttl: i64 = stage.ask("TTL", &["user:id:ada"]);
        assert!((3590..=3600).contains(&ttl), "{ttl}");
        assert_eq!(stage.ask::<usize>("DBSIZE", &[""; 0]), 3);
    });
}

#[test]
fn what_another_program_writes_is_seen_by_the_next_call() {
    in_system(async {
        let stage = Stage::new().await;
        let ids = stage.ids();
        assert_eq!(ids.get_or_create("ada").await.unwrap(), 1);
        stage.ask::<()>("SET", &["user:id:ada", "999"]);
        assert_eq!(ids.get_or_create("ada").await.unwrap(), 999);
        assert_eq!(ids.lookup("ada").await.unwrap().unwrap(), 999);
        stage.ask::<()>("DEL", &["user:id:ada"]);
        assert_eq!(ids.lookup("ada").await.unwrap(), None);
        assert_eq!(ids.get_or_create("ada").await.unwrap(), 2);
        // The foreign number has not moved the counter, and nothing was lost.
        assert_eq!(ids.stats().counter_losses, 0);
    });
}

#[test]
fn the_way_back_says_only_what_the_mappings_say() {
    in_system(async {
        let stage = Stage::new().await;
        let ids = stage.ids();
        let (ada, bob) = (ids.get_or_create("ada").await.unwrap(), ids.get_or_create("bob").await.unwrap());
        let other = redis_ext::unique_id::Id::new(999);

        stage.ask::<()>("SET", &["user:id:ada", "999"]);
        assert_eq!(ids.keys_of([ada, bob, other]).await.unwrap(), [None, Some("bob".to_owned()), None]);
        // Once the key is asked for, its new number leads back.
        assert_eq!(ids.get_or_create("ada").await.unwrap(), other);
        assert_eq!(ids.key_of(other).await.unwrap().unwrap(), "ada");

        // Two keys that another program gave one number: the one asked for last.
        stage.ask::<()>("SET", &["user:id:bob", "999"]);
        assert_eq!(ids.key_of(other).await.unwrap().unwrap(), "ada");
        assert_eq!(ids.get_or_create("bob").await.unwrap(), other);
        assert_eq!(ids.key_of(other).await.unwrap().unwrap(), "bob");
        stage.ask::<()>("DEL", &["user:id:bob"]);
        assert_eq!(ids.key_of(other).await.unwrap(), None);
        assert_eq!(ids.get_or_create("ada").await.unwrap(), other);
        assert_eq!(ids.key_of(other).await.unwrap().unwrap(), "ada");

        stage.ask::<()>("DEL", &["user:id:ada"]);
        stage.ask::<()>("RPUSH", &["user:id:ada", "999"]);
        assert_eq!(kind(ids.key_of(other).await), BackendErrorKind::WrongType);
    });
}

#[test]
fn the_way_back_of_mappings_that_expire_is_cleared_away() {
    in_system(async {
        let stage = Stage::new().await;
        let ttl = IdTtl::fixed(Duration::from_secs(2)).unwrap();
        let ids = UniqueId::builder(stage.backend.clone(), CLASS).ttl(ttl).reverse().start().unwrap();
        ids.get_or_create_many((0..10).map(|number| number.to_string())).await.unwrap();
        assert_eq!(stage.ask::<usize>("HLEN", &["user:keys"]), 10);
        tokio::time::sleep(Duration::from_millis(2300)).await;
        // With the last of them, all of it is gone.
        assert_eq!(stage.ask::<Vec<String>>("KEYS", &["*"]), ["user:auto"]);

        // One that stays keeps the rest, of which each new key clears two away.
        let forever = UniqueId::builder(stage.backend.clone(), CLASS).ttl(IdTtl::NONE).reverse().start().unwrap();
        forever.get_or_create("stays").await.unwrap();
        ids.get_or_create_many((0..10).map(|number| number.to_string())).await.unwrap();
        assert_eq!(stage.ask::<i64>("TTL", &["user:keys"]), -1);
        tokio::time::sleep(Duration::from_millis(2300)).await;
        assert_eq!(stage.ask::<usize>("HLEN", &["user:keys"]), 11);
        for new in 0..5 {
            forever.get_or_create(&format!("new-{new}")).await.unwrap();
        }
        assert_eq!(stage.ask::<usize>("HLEN", &["user:keys"]), 6);
        assert_eq!(stage.ask::<usize>("ZCARD", &["user:keys:until"]), 0);
    });
}

#[test]
fn scripts_that_the_server_forgot_are_given_to_it_again() {
    in_system(async {
        let stage = Stage::new().await;
        let ids = stage.ids();
        for (number, key) in ["a", "b", "c"].iter().enumerate() {
            stage.ask::<()>("SCRIPT", &["FLUSH"]);
            assert_eq!(ids.get_or_create(key).await.unwrap(), number as u64 + 1);
        }
    });
}

#[test]
fn a_compatible_class_shares_the_places_of_another_ones_keys() {
    in_system(async {
        let stage = Stage::new().await;
        let outer = UniqueId::builder(stage.backend.clone(), CLASS).start().unwrap();
        let inner = UniqueId::builder(stage.backend.clone(), IdClass::compatible("user:id").unwrap()).start().unwrap();
        // Why such names are refused: the counter of the one is a key of the other.
        assert_eq!(inner.get_or_create("x").await.unwrap(), 1);
        assert_eq!(outer.lookup("auto").await.unwrap().unwrap(), 1);
    });
}
