//! Bad contents of the store: each is a typed error, nothing is written and no ID is used up.

use redis_ext::backend::{IdBackend as _, IdOffer};

use super::*;

/// What each operation that meets `key` makes of what lies there.
async fn outcomes(stage: &Stage, key: &str) -> Vec<(&'static str, BackendErrorKind)> {
    let (backend, some) = (&stage.backend, keys(&["new", "ada"]));
    let before = stage.contents();
    let offers: Vec<_> = some[1..].iter().map(|key| IdOffer { key: key.clone(), id: 7 }).collect();
    let mut outcomes = vec![
        ("assign", backend.assign_ids(&CLASS, &some, FOREVER, 0).await.map(drop)),
        ("assign with the way back", backend.assign_ids(&CLASS, &some, REVERSIBLE, 0).await.map(drop)),
    ];
    match key {
        "user:auto" => {
            outcomes.push(("reserve", backend.reserve_ids(&CLASS, 1.try_into().unwrap(), 0).await.map(drop)));
        }
        "user:id:ada" => {
            outcomes.push(("find", backend.find_ids(&CLASS, &some).await.map(drop)));
            outcomes.push(("offer", backend.offer_ids(&CLASS, &offers, IdTtl::NONE).await.map(drop)));
        }
        _ => {
            // The way back does not concern those who do without it.
            outcomes.remove(0).1.unwrap();
            stage.ask::<()>("DEL", &["user:id:new"]);
            stage.ask::<()>("SET", &["user:auto", "1"]);
            outcomes.push(("forget", backend.forget_ids(&CLASS, &some[1..], REVERSIBLE).await.map(drop)));
        }
    }
    assert_eq!(stage.contents(), before, "nothing was written although {key} is bad");
    let kind = |(operation, outcome): (&'static str, Result<(), redis_ext::BackendError>)| {
        let error = outcome.unwrap_err();
        assert!(!error.is_maybe_applied() && !error.is_retryable(), "{operation}: {error:?}");
        (operation, error.kind())
    };
    outcomes.into_iter().map(kind).collect()
}

async fn stage_with_ada() -> Stage {
    let stage = Stage::new().await;
    stage.backend.assign_ids(&CLASS, &keys(&["ada"]), REVERSIBLE, 0).await.unwrap();
    stage
}

#[tokio::test]
async fn a_key_of_another_type_fails_all_that_meet_it_before_anything_is_written() {
    for key in ["user:auto", "user:id:ada", "user:keys", "user:keys:until"] {
        let stage = stage_with_ada().await;
        stage.ask::<()>("DEL", &[key]);
        stage.ask::<()>("RPUSH", &[key, "1"]);
        for (operation, kind) in outcomes(&stage, key).await {
            assert_eq!(kind, BackendErrorKind::WrongType, "{operation}, {key}");
        }
    }
    // What is to be forgotten may be of another type as well, and stays.
    let stage = stage_with_ada().await;
    stage.ask::<()>("DEL", &["user:id:ada"]);
    stage.ask::<()>("RPUSH", &["user:id:ada", "1"]);
    let before = stage.contents();
    for rules in [FOREVER, REVERSIBLE] {
        let error = stage.backend.forget_ids(&CLASS, &keys(&["ada"]), rules).await.unwrap_err();
        assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::WrongType, false));
    }
    assert_eq!(stage.contents(), before);
}

#[tokio::test]
async fn what_is_no_id_is_corrupt_before_anything_is_written_and_can_be_forgotten() {
    let no_ids = ["", "x", "-1", "1.5", "01", " 1", "1 ", "1e3", "9223372036854775808", "99999999999999999999999"];
    let stage = stage_with_ada().await;
    for text in no_ids {
        for key in ["user:auto", "user:id:ada"] {
            let kept: String = stage.ask("GET", &[key]);
            stage.ask::<()>("SET", &[key, text]);
            for (operation, kind) in outcomes(&stage, key).await {
                assert_eq!(kind, BackendErrorKind::Corrupt, "{operation}, {key} = {text:?}");
            }
            stage.ask::<()>("SET", &[key, &kept]);
        }
        for rules in [FOREVER, REVERSIBLE] {
            stage.ask::<()>("SET", &["user:id:ada", text]);
            assert_eq!(stage.backend.forget_ids(&CLASS, &keys(&["ada"]), rules).await.unwrap(), 1);
        }
        stage.ask::<()>("SET", &["user:id:ada", "1"]);
    }
    assert_eq!(stage.backend.assign_ids(&CLASS, &keys(&["bob"]), FOREVER, 0).await.unwrap().ids, [2]);
}

#[test]
fn an_error_names_the_key_and_reaches_every_caller() {
    in_system(async {
        let stage = Stage::new().await;
        let ids = stage.ids();
        stage.ask::<()>("SET", &["user:auto", "many"]);
        let (one, other) = tokio::join!(ids.get_or_create("a"), ids.get_or_create("b"));
        for outcome in [one, other] {
            let error = outcome.unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("user:auto"), "{source}");
            assert_eq!(kind(Err::<(), _>(error)), BackendErrorKind::Corrupt);
        }
        // `next_id` does not wait for what will not pass.
        assert_eq!(kind(ids.next_id().await), BackendErrorKind::Corrupt);
        stage.ask::<()>("DEL", &["user:auto"]);
        assert_eq!(ids.get_or_create("a").await.unwrap(), 1);
    });
}

#[test]
fn a_counter_at_its_end_gives_no_more_and_stays_there() {
    in_system(async {
        let stage = Stage::new().await;
        let ids = stage.ids();
        stage.ask::<()>("SET", &["user:auto", "9223372036854775806"]);
        assert_eq!(kind(ids.get_or_create_many(["a", "b"]).await), BackendErrorKind::Exhausted);
        assert_eq!(kind(ids.next_id().await), BackendErrorKind::Exhausted);
        assert_eq!(ids.get_or_create("a").await.unwrap(), i64::MAX as u64);
        assert_eq!(kind(ids.get_or_create("b").await), BackendErrorKind::Exhausted);
        assert_eq!(ids.get_or_create("a").await.unwrap(), i64::MAX as u64);
        assert_eq!(stage.ask::<String>("GET", &["user:auto"]), i64::MAX.to_string());
        assert_eq!(ids.lookup("b").await.unwrap(), None);
    });
}

#[tokio::test]
async fn a_server_without_memory_refuses_new_ids_and_knows_the_old_ones() {
    let stage = stage_with_ada().await;
    stage.ask::<()>("CONFIG", &["SET", "maxmemory", "1"]);
    for rules in [FOREVER, REVERSIBLE] {
        let error = stage.backend.assign_ids(&CLASS, &keys(&["bob"]), rules, 0).await.unwrap_err();
        assert_eq!((error.kind(), error.is_maybe_applied()), (BackendErrorKind::Overloaded, false));
        assert_eq!(stage.backend.assign_ids(&CLASS, &keys(&["ada"]), rules, 0).await.unwrap().ids, [1]);
    }
    stage.ask::<()>("CONFIG", &["SET", "maxmemory", "0"]);
    assert_eq!(stage.backend.assign_ids(&CLASS, &keys(&["bob"]), REVERSIBLE, 0).await.unwrap().ids, [2]);
}
