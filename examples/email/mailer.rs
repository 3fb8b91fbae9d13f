//! The actor that handles the tasks.

use std::sync::Arc;

use redis_ext::prelude::*;

use crate::{Email, message, post::Post, tally::Tally};

/// Writes mails and hands them to the post. The supervisor starts as many of these as it runs tasks at once.
#[derive(Clone)]
pub(crate) struct Mailer {
    pub(crate) post: Post,
    pub(crate) tally: Arc<Tally>,
}

impl Actor for Mailer {
    type Context = Context<Self>;
}

impl Handler<Task<Email>> for Mailer {
    type Result = ResponseFuture<Result<(), TaskError>>;

    fn handle(&mut self, email: Task<Email>, _: &mut Context<Self>) -> Self::Result {
        let mailer = self.clone();
        Box::pin(async move {
            let outcome = mailer.send(&email).await;
            mailer.tally.count(&email, &outcome);
            outcome
        })
    }
}

impl Mailer {
    async fn send(&self, email: &Task<Email>) -> Result<(), TaskError> {
        // What cannot be written now cannot be written later either.
        let message = message::write(email).map_err(TaskError::fatal)?;
        self.post.deliver(email, message).await
    }
}
