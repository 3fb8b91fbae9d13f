//! A day of the newsletter in a few seconds, by real requests: what comes out wrong ends the program with an error.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const MAILS: &str = "/admin/queues/newsletter:mails";

/// Goes through the motions, and in any case ends the service as an orchestrator does.
pub(crate) async fn run(address: SocketAddr, directory: PathBuf) -> anyhow::Result<()> {
    let outcome = timeout(PATIENCE, a_day(&Client { address }, &directory)).await.context("it takes too long");
    println!("SIGTERM");
    // The shell is the portable way without unsafe code.
    Command::new("sh").args(["-c", "kill -TERM $PPID"]).status()?;
    outcome?
}

async fn a_day(client: &Client, directory: &Path) -> anyhow::Result<()> {
    // With REDIS_URL set, addresses and issues of earlier runs are still on record.
    let day = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
    let email = |name: &str| json!({ "email": format!("{name}+{day}@example.org") });
    let slug = format!("day-{day}");
    client.expect(200, "GET", "/healthz", Value::Null).await?;

    let mut numbers = Vec::new();
    for name in ["ada", "greylist", "full", "bounce", "bob"] {
        numbers.push(client.expect(201, "POST", "/subscriptions", email(name)).await?["number"].clone());
    }
    client.expect(200, "POST", "/subscriptions", email("ada")).await?;
    client.expect(400, "POST", "/subscriptions", json!({ "email": "ada" })).await?;
    client.expect(204, "DELETE", &format!("/subscriptions/{}", numbers[4]), Value::Null).await?;
    client.expect(403, "POST", "/subscriptions", email("bob")).await?;
    println!("Five have subscribed, and one has left.");

    for words in 1..=20 {
        let issue = json!({ "subject": "News", "text": format!("# News\n\n{}", "word ".repeat(words)) });
        client.expect(202, "PUT", &format!("/issues/{slug}"), issue).await?;
    }
    client.until(&format!("/issues/{slug}/preview"), |_| true).await?;
    println!("A draft was saved 20 times, and rendered.");

    client.expect(202, "POST", &format!("/issues/{slug}/send"), Value::Null).await?;
    let full = format!("full+{day}@example.org");
    let is_of_full = |letter: &&Value| letter["payload"]["to"]["address"] == *full;
    let find = |dead: &Value| dead["letters"].as_array().and_then(|letters| letters.iter().find(is_of_full).cloned());
    let dead = client.until(&format!("{MAILS}/dead-letters"), |dead| find(dead).is_some()).await?;
    let letter = find(&dead).context("the letter is gone")?;
    println!("The issue is sent. A mail was given up after {} attempts: {}", letter["attempts"], letter["errors"]);

    let replay = json!({ "tasks": [letter["task"]] });
    let answer = client.expect(200, "POST", &format!("{MAILS}/replay"), replay).await?;
    ensure!(answer["replayed"] == 1, "one dead letter was to be replayed: {answer}");
    let mail = |number: &Value| directory.join(format!("outbox/issues/{slug}/{number}.eml"));
    while !numbers[..3].iter().all(|number| mail(number).exists()) {
        sleep(LOOK_EVERY).await;
    }
    ensure!(!mail(&numbers[3]).exists(), "a mail was sent to a mailbox that there is not");
    ensure!(!mail(&numbers[4]).exists(), "a mail was sent to somebody who has unsubscribed");
    client.expect(403, "POST", "/subscriptions", email("bounce")).await?;
    println!("Replayed, it was delivered; whoever has left or does not exist got nothing.");
    Ok(())
}

/// A client without a crate for it.
struct Client {
    address: SocketAddr,
}

impl Client {
    /// Makes a request, and wants this status.
    async fn expect(&self, status: u16, method: &str, path: &str, body: Value) -> anyhow::Result<Value> {
        let (answered, answer) = self.request(method, path, &body).await?;
        ensure!(answered == status, "{method} {path} {body}: {status} was expected, not {answered}: {answer}");
        Ok(answer)
    }

    /// Asks until the answer is right.
    async fn until(&self, path: &str, is_right: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        loop {
            let (answered, answer) = self.request("GET", path, &Value::Null).await?;
            if answered == 200 && is_right(&answer) {
                return Ok(answer);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn request(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(self.address).await?;
        let head = format!("{method} {path} HTTP/1.1\r\nhost: newsletter\r\nconnection: close\r\n");
        let length = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all([head, length, body].concat().as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer is cut short")?;
        let status = head.split(' ').nth(1).context("the answer has no status")?.parse()?;
        // A page is none of JSON, and its text is of no interest here.
        Ok((status, serde_json::from_str(body).unwrap_or_default()))
    }
}
