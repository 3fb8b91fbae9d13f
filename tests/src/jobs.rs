//! A workload with every sort of task in it, as a producer process pushes it and a worker takes it.

use redis_ext::{
    Enqueue as _, Error, RedisTask,
    backend::{MAX_BATCH, NewTask, TaskBackend},
};

/// A numbered task. What it does when it is run follows from its number: see [`Job::kind`].
#[derive(Debug, RedisTask)]
#[redis_task(queue = "jobs", max_attempts = 3, backoff = "fixed(50ms)")]
pub struct Job {
    /// From 0, without gaps.
    pub number: usize,
}

/// What a [`Job`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It panics in each attempt.
    Panics,
    /// It fails in each attempt.
    Fails,
    /// It succeeds.
    Succeeds,
}

impl Job {
    /// How many jobs there are, with those that panic and those that fail.
    pub const COUNT: usize = 99_800;
    /// How many of them panic, and how many others fail.
    pub const FAULTY: usize = 200;
    /// How many entries that are no job are pushed in between.
    pub const UNDECODABLE: usize = 200;

    /// What this job does.
    #[must_use]
    pub fn kind(&self) -> Kind {
        // Spread over the whole: the numbers 7 and 8 of every 499.
        match self.number % (Self::COUNT / Self::FAULTY) {
            7 => Kind::Panics,
            8 => Kind::Fails,
            _ => Kind::Succeeds,
        }
    }

    /// Pushes all jobs and, in between, entries that are none.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn push_all<B: TaskBackend + ?Sized>(backend: &B) -> Result<(), Error> {
        let mut undecodable = (0..Self::UNDECODABLE).map(undecodable);
        let jobs: Vec<_> = (0..Self::COUNT).map(|number| Self { number }).collect();
        for batch in jobs.chunks(MAX_BATCH - 1) {
            Self::enqueue_many(backend, batch).await?;
            let strays: Vec<_> = undecodable.by_ref().take(2).map(NewTask::new).collect();
            backend.enqueue(&Self::QUEUE, &strays).await?;
        }
        assert!(undecodable.next().is_none(), "all strays are pushed");
        Ok(())
    }
}

/// The `number`th entry that is no job: not JSON, of another form, of an unknown version, or no text at all.
#[must_use]
pub fn undecodable(number: usize) -> Vec<u8> {
    match number % 4 {
        0 => format!("no JSON {number}").into_bytes(),
        1 => format!(r#"{{"number":"not a number {number}"}}"#).into_bytes(),
        2 => format!(r#"{{"redis_ext":2,"stray":{number}}}"#).into_bytes(),
        _ => [b"\xff\xfe\x00\n", number.to_string().as_bytes()].concat(),
    }
}
