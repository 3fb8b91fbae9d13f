//! What the mails say.

use lettre::{
    Message,
    message::{Mailbox, MultiPart},
};

use crate::{Address, Issue, Slug, Subscriber};

const SENDER: &str = "The Newsletter <news@newsletter.example>";

/// A mail that is ready to be sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Who gets it.
    pub to: Address,
    /// What it is known by: the same each time that it is written, so that whoever takes it twice can tell.
    pub name: String,
    /// The message, by RFC 5322.
    pub message: Vec<u8>,
}

/// A mail that cannot be written, now or later.
#[derive(Debug, thiserror::Error)]
#[error("a mail to {to} cannot be written")]
pub struct MailError {
    to: Address,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Mail {
    /// The first mail that a subscriber gets.
    ///
    /// # Errors
    /// [`MailError`].
    pub fn welcome(to: &Subscriber) -> Result<Self, MailError> {
        let issue = Issue { subject: "Welcome!".to_owned(), text: "It is good to have you here.\n".to_owned() };
        Self::write(format!("welcome/{}", to.number), &issue, to)
    }

    /// An issue.
    ///
    /// # Errors
    /// [`MailError`].
    pub fn of_issue(slug: &Slug, issue: &Issue, to: &Subscriber) -> Result<Self, MailError> {
        Self::write(format!("issues/{slug}/{}", to.number), issue, to)
    }

    fn write(name: String, issue: &Issue, to: &Subscriber) -> Result<Self, MailError> {
        let Subscriber { number, address } = to;
        let message = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
            let leave = format!("To leave: curl -X DELETE http://127.0.0.1:8080/subscriptions/{number}");
            let (text, page) = (format!("{}\n{leave}\n", issue.text), format!("{}<p>{leave}</p>\n", issue.to_html()));
            let message = Message::builder()
                .message_id(Some(format!("<{}@newsletter.example>", name.replace('/', "."))))
                .from(SENDER.parse::<Mailbox>()?)
                .to(address.as_str().parse()?)
                .subject(&issue.subject)
                .multipart(MultiPart::alternative_plain_html(text, page))?;
            Ok(message.formatted())
        };
        match message() {
            Ok(message) => Ok(Self { to: address.clone(), name, message }),
            Err(source) => Err(MailError { to: address.clone(), source }),
        }
    }
}
