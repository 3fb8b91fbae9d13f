//! Random operations on one queue, against a model of it: every answer is compared, and in the end all that is left.
//!
//! [`reference`] is the model, written to be believed by reading it. [`ops`] says which operations there are and how
//! often each is drawn, [`machine`] applies one to the model and to a backend and compares, [`world`] is what the two
//! backends differ in. Where the contract leaves an order open, the model allows each.
//!
//! An operation joins the test as a variant of [`ops::Op`] with a line in its strategy, a method of the model, and an
//! arm in [`machine::Machine::apply`].
//!
//! A failure prints the shortest operations that were found to fail, and the seed. To replay it, and to run more:
//! ```text
//! PROPTEST_RNG_SEED=… cargo test -p redis-ext-tests --test model memory
//! PROPTEST_CASES=25600 cargo test -p redis-ext-tests --test model     # a hundred times the usual
//! ```

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod adding;
mod audit;
mod leasing;
mod machine;
mod ops;
mod reference;
mod settling;
mod task;
mod world;

use std::{borrow::Borrow, cell::RefCell, collections::BTreeMap, time::Instant};

use proptest::test_runner::{Config, RngSeed, TestRunner};
use redis_ext::RedisBackend;
use redis_ext_tests::RedisServer;
use tokio::runtime::{Builder, Runtime};

use self::{machine::Machine, world::World};

/// What the random operations must have led to, or else the test would be about less than it seems.
const MUST_HAPPEN: [&str; 20] = [
    "a bare task was recovered",
    "a claim got tasks",
    "a claim on a paused queue got nothing",
    "a claim was repeated",
    "a dead letter was deleted",
    "a dead letter was over the bounds",
    "a dead letter was replayed",
    "a duplicate was refused",
    "a lease was lost",
    "a lock of another was left alone",
    "a page of dead letters was not empty",
    "a part of a batch was settled",
    "a settlement claimed the next tasks",
    "a settlement was repeated",
    "a task that cannot count was recovered",
    "a task was poison",
    "a task was promoted",
    "a worker left tasks behind",
    "poison released a lock",
    "several workers died at once",
];

/// How often each of them happened.
type Tally = BTreeMap<&'static str, usize>;

/// Runs about `cases` sequences of operations, each in a world of its own.
fn explore<R: Borrow<Runtime>>(cases: u32, runtime: impl Fn() -> R, world: impl Fn() -> World) {
    let told = Config::default();
    let told_cases = told.cases;
    let seed = match told.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ()),
    };
    let config = Config {
        cases: cases * told_cases / 256,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..told
    };
    let (begun, steps, tally) = (Instant::now(), RefCell::new(0), RefCell::new(Tally::new()));
    let run = TestRunner::new(config).run(&ops::sequence(), |ops| {
        runtime().borrow().block_on(async {
            let mut machine = Machine::new(world());
            for op in &ops {
                machine.apply(op).await?;
            }
            machine.finish().await?;
            *steps.borrow_mut() += ops.len();
            for (what, times) in machine.tally {
                *tally.borrow_mut().entry(what).or_default() += times;
            }
            Ok(())
        })
    });
    if let Err(failure) = run {
        panic!("{failure}\nTo replay it: PROPTEST_RNG_SEED={seed}");
    }
    let (steps, tally) = (steps.into_inner(), tally.into_inner());
    println!("{steps} steps in {:?}, PROPTEST_RNG_SEED={seed}: {tally:#?}", begun.elapsed());
    if told_cases < 256 {
        return;
    }
    let missing: Vec<_> = MUST_HAPPEN.iter().filter(|what| tally.get(*what).is_none_or(|&times| times == 0)).collect();
    assert!(missing.is_empty(), "it never happened that {missing:?}; PROPTEST_RNG_SEED={seed}");
}

#[test]
fn the_memory_backend_does_what_the_model_does() {
    let paused = || Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    explore(512, paused, World::in_memory);
}

#[test]
fn the_redis_backend_does_what_the_model_does() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let url = RedisServer::shared().url();
    let backend = runtime.block_on(RedisBackend::connect(&url)).unwrap();
    explore(128, || &runtime, || World::on_redis(&backend, &url));
}
