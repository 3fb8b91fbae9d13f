//! The program: reads the configuration, runs the service until a signal ends it, and says how that went.
//!
//! ```console
//! $ cargo run -p redis-ext-newsletter               # REDIS_URL, PORT and NEWSLETTER_DIR say otherwise
//! $ cargo run -p redis-ext-newsletter -- --demo     # goes through the motions and ends; so it does where CI is set
//! ```

mod demo;

use std::env;

use redis_ext_newsletter::{Config, Service};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_target(false).init();
    let is_demo = env::var_os("CI").is_some() || env::args().any(|argument| argument == "--demo");
    let mut config = Config::from_env()?;
    if is_demo {
        config.port = 0;
    }
    let service = Service::start(&config).await?;
    let address = service.address();
    let kept = if config.redis_url.is_some() { "on the Redis of REDIS_URL" } else { "in memory" };
    println!("Listening on http://{address}/. Tasks are kept {kept}, mails go to {}.", config.directory.display());

    let demo = is_demo.then(|| actix_web::rt::spawn(demo::run(address, config.directory)));
    service.run().await?;
    println!("The server has ended, and so have the workers.");
    match demo {
        Some(demo) => demo.await?,
        None => Ok(()),
    }
}
