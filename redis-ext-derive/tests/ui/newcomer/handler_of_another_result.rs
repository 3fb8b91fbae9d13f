//! An actor's handler that says nothing of how the attempt ended.

use redis_ext::prelude::*;

#[derive(RedisTask)]
struct Email {
    to: String,
}

struct Mailer;

impl Actor for Mailer {
    type Context = Context<Self>;
}

impl Handler<Task<Email>> for Mailer {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, email: Task<Email>, _: &mut Context<Self>) -> Self::Result {
        Box::pin(async move { println!("{}", email.to) })
    }
}

fn main() {}
