//! The last step of every mail.

use redis_ext::TaskError;

use crate::{DeliveryError, Mail, Newsletter};

// ANCHOR: deliver
/// Hands a mail to the post, unless the address has been suppressed while the task waited. What becomes of the task is
/// decided here: done, tried again, or a dead letter.
pub(super) async fn deliver(newsletter: &Newsletter, mail: &Mail) -> Result<(), TaskError> {
    if newsletter.subscribers.is_suppressed(&mail.to)? {
        return Ok(());
    }
    match newsletter.post.deliver(mail).await {
        Ok(()) => Ok(()),
        Err(error @ DeliveryError::Bounced(_)) => {
            // If this fails the task is tried again, bounces again, and comes here again.
            newsletter.subscribers.suppress(mail.to.clone()).await?;
            Err(TaskError::fatal(error))
        }
        Err(error) => Err(error.into()),
    }
}
// ANCHOR_END: deliver
