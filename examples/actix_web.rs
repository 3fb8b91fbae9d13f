//! A web service that answers at once and works later: a request becomes a task, workers in the same process handle it,
//! and both end in good order.
//!
//! ```console
//! $ cargo run --example actix_web             # then, from another terminal:
//! $ curl -i http://127.0.0.1:8080/signups -H 'content-type: application/json' -d '{"email": "ada@example.org"}'
//! $ cargo run --example actix_web -- --once   # makes a request to itself and ends; so it does where CI is set
//! ```

use std::{env, sync::Arc, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, error::ErrorServiceUnavailable, post, web};
use redis_ext::{Backend, prelude::*};
use redis_ext_examples::request;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Signup {
    email: String,
}

#[derive(Debug, RedisTask)]
#[redis_task(queue = "welcomes", max_attempts = 5, timeout = "30s")]
struct Welcome {
    to: String,
}

/// 202 and the task's ID; or 503 when the task could not be put on record, so that the client asks again.
#[post("/signups")]
async fn sign_up(signup: web::Json<Signup>, backend: web::Data<dyn Backend>) -> actix_web::Result<HttpResponse> {
    let welcome = Welcome { to: signup.into_inner().email };
    let task = welcome.enqueue(&**backend).await.map_err(ErrorServiceUnavailable)?;
    Ok(HttpResponse::Accepted().json(serde_json::json!({ "task": task.id() })))
}

async fn welcome(welcome: Task<Welcome>) -> Result<(), TaskError> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    println!("worker: welcomed {} (task {})", welcome.to, welcome.id());
    Ok(())
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let once = env::var_os("CI").is_some() || env::args().any(|argument| argument == "--once");
    let backend = redis_ext_examples::backend().await?;
    let workers = WorkerSupervisor::builder(Arc::clone(&backend)).handler_fn(Concurrency::new(8), welcome).start()?;

    let server = HttpServer::new(move || App::new().app_data(web::Data::from(Arc::clone(&backend))).service(sign_up))
        .workers(2)
        .bind(("127.0.0.1", if once { 0 } else { 8080 }))?;
    let address = server.addrs()[0];
    println!("Listening on http://{address}/signups");

    let server = server.run();
    let client = once.then(|| {
        let handle = server.handle();
        actix::spawn(async move {
            let answer =
                request(address, "POST", "/signups", "application/json", r#"{"email": "ada@example.org"}"#).await;
            handle.stop(true).await;
            answer
        })
    });
    // The server ends first, on SIGINT or SIGTERM: its last requests still become tasks. Then the workers.
    server.await?;
    workers.shutdown().await?;
    println!("The server has ended, and so have the workers.");
    if let Some(client) = client {
        println!("The answer was: {}", client.await??.replace('\n', " | "));
    }
    Ok(())
}
