//! A blocklist for a web service: each request is checked in the time of a hash lookup, and whoever is blocked on one
//! server is blocked on all of them a moment later.
//!
//! ```console
//! $ cargo run --example blocklist             # then, from another terminal:
//! $ curl -i http://127.0.0.1:8080/ -H 'x-client: 192.0.2.7'
//! $ curl -X PUT http://127.0.0.1:8080/blocked/192.0.2.7
//! $ cargo run --example blocklist -- --once   # makes these requests to itself and ends; so it does where CI is set
//! ```

use std::{
    env,
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
};

use actix_web::{
    App, Error, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::{ErrorForbidden, ErrorServiceUnavailable},
    get,
    middleware::{Next, from_fn},
    put, web,
};
use redis_ext::{FastSet, fast_set::WhenStale};

type Blocklist = FastSet<IpAddr>;

/// 403 for who is blocked; and 503 while it is not known who is, as Redis has been away for longer than five minutes.
async fn turn_away(
    blocklist: web::Data<Blocklist>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let client = request.headers().get("x-client").and_then(|client| client.to_str().ok()?.parse::<IpAddr>().ok());
    if let Some(client) = client
        && blocklist.contains(&client).map_err(ErrorServiceUnavailable)?
    {
        return Err(ErrorForbidden("you are blocked\n"));
    }
    next.call(request).await
}

#[get("/")]
async fn welcome() -> &'static str {
    "welcome\n"
}

#[put("/blocked/{client}")]
async fn block(client: web::Path<IpAddr>, blocklist: web::Data<Blocklist>) -> actix_web::Result<HttpResponse> {
    let is_new = blocklist.insert(*client).await.map_err(ErrorServiceUnavailable)?;
    Ok(if is_new { HttpResponse::Created() } else { HttpResponse::Ok() }.finish())
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let once = env::var_os("CI").is_some() || env::args().any(|argument| argument == "--once");
    let blocklist = Blocklist::builder(redis_ext_examples::backend().await?, "blocklist")
        .when_stale(WhenStale::ServeStale(std::time::Duration::from_secs(300)))
        .open()
        .await?;
    if once {
        blocklist.clear().await?;
    }
    let shared = web::Data::new(blocklist);
    let app = move || App::new().app_data(shared.clone()).wrap(from_fn(turn_away)).service(welcome).service(block);
    let server = HttpServer::new(app).workers(2).bind(("127.0.0.1", if once { 0 } else { 8080 }))?;
    let address = server.addrs()[0];
    println!("Listening on http://{address}/");

    let server = server.run();
    let requests = once.then(|| {
        let handle = server.handle();
        actix::spawn(async move {
            let answers = tokio::task::spawn_blocking(move || requests(address)).await;
            handle.stop(true).await;
            answers
        })
    });
    server.await?;
    if let Some(requests) = requests {
        requests.await???;
    }
    Ok(())
}

fn requests(address: SocketAddr) -> anyhow::Result<()> {
    for (request, expected) in [("GET /", "200"), ("PUT /blocked/192.0.2.7", "201"), ("GET /", "403")] {
        let client = if request.starts_with("PUT") { "192.0.2.1" } else { "192.0.2.7" };
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-client: {client}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        println!("{request} for {client}: {}", answer.lines().next().unwrap_or_default());
        anyhow::ensure!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "the answer was to be {expected}");
    }
    Ok(())
}
