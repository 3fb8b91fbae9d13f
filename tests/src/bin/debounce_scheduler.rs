//! A scheduler process: dispatches what fires at a key of the Redis server at the URL given until a signal ends it,
//! into the queue of `jobs`, or to a recipient that prints the number of each job.

use std::{io::Write as _, time::Duration};

use redis_ext::{Debounce, Debouncer, Fired, prelude::*};
use redis_ext_tests::Job;

struct Printer;

impl Actor for Printer {
    type Context = Context<Self>;
}

impl Handler<Fired<Job>> for Printer {
    type Result = Result<(), TaskError>;

    fn handle(&mut self, job: Fired<Job>, _: &mut Context<Self>) -> Self::Result {
        writeln!(std::io::stdout().lock(), "{}", job.number)?;
        Ok(())
    }
}

fn main() -> Result<(), redis_ext::Error> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [url, key, target] = &arguments[..] else {
        panic!("usage: debounce_scheduler <redis url> <key> queue|recipient");
    };
    actix::System::new().block_on(async {
        let backend = RedisBackend::connect(url).await?;
        let jobs = Debouncer::<Job>::new(backend.clone(), key, Debounce::after(Duration::ZERO))?;
        let builder = DebounceScheduler::builder(backend);
        let builder = match target.as_str() {
            "queue" => builder.to_queue(&jobs),
            "recipient" => builder.to_recipient(&jobs, Printer.start().recipient()),
            other => panic!("there is no target {other:?}"),
        };
        builder.start()?.run_until_signal().await
    })
}
