//! The text of a mail, as a message by RFC 5322.

use std::time::SystemTime;

use anyhow::Context as _;
use lettre::{
    Address, Message,
    address::Envelope,
    message::{Mailbox, SinglePart},
};
use redis_ext::Task;

use crate::Email;

const SENDER: &str = "welcome@example.org";

/// A header's line has at most 998 bytes, and a name without spaces is one line.
const LONGEST_NAME: usize = 500;

/// Writes the mail. It depends on nothing but the task, so a task that is run twice sends the same message twice, under
/// the same `Message-ID`, by which mail servers know it again.
pub(crate) fn write(email: &Task<Email>) -> anyhow::Result<Message> {
    let sender: Address = SENDER.parse()?;
    let address: Address = email.to.parse().with_context(|| format!("{:?} is not an address", email.to))?;
    let name = one_line(&email.name);
    let (subject, text) = greeting(&email.language, &name);
    let message = Message::builder()
        .message_id(Some(format!("<{}@example.org>", email.id())))
        .date(email.enqueued_at().unwrap_or_else(SystemTime::now))
        .from(Mailbox::new(Some("The Example Club".to_owned()), sender.clone()))
        .to(Mailbox::new(Some(name).filter(|name| !name.is_empty()), address.clone()))
        .envelope(Envelope::new(Some(sender), vec![address])?)
        .subject(subject)
        .singlepart(SinglePart::plain(text))?;
    Ok(message)
}

/// People put anything into a field: a line break in a name must not become one in a header.
fn one_line(name: &str) -> String {
    let name: String = name.replace(char::is_control, " ").chars().take(LONGEST_NAME).collect();
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The subject and the text.
fn greeting(language: &str, name: &str) -> (String, String) {
    let (welcome, text) = match language {
        "ar" => ("مرحبًا", "يسعدنا انضمامك إلينا."),
        "de" => ("Willkommen", "Schön, dass du dabei bist."),
        "es" => ("Te damos la bienvenida", "Nos alegra que estés aquí."),
        "fr" => ("Bienvenue", "Nous sommes ravis de vous compter parmi nous."),
        "he" => ("ברוכים הבאים", "שמחים שהצטרפת אלינו."),
        "ja" => ("ようこそ", "ご登録ありがとうございます。"),
        "zh" => ("欢迎", "很高兴你加入我们。"),
        _ => ("Welcome", "We are glad that you are here."),
    };
    let subject = if name.is_empty() { format!("{welcome}!") } else { format!("{welcome}, {name}!") };
    let text = format!("{subject}\n\n{text}\n");
    (subject, text)
}
