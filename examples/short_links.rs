//! A link shortener: a URL in, a short code out, and a redirect back. The code is the URL's ID, spelt by `sqids`; the way
//! back is the ID's key. So equal URLs share a code, codes grow only as long as they must, and nothing else is stored.
//!
//! ```console
//! $ cargo run --example short_links             # then, from another terminal:
//! $ curl -i http://127.0.0.1:8080/links -d 'https://example.org/a/long/way'
//! $ cargo run --example short_links -- --once   # makes requests to itself and ends; so it does where CI is set
//! ```

use std::{env, net::SocketAddr};

use actix_web::error::{ErrorBadRequest, ErrorInternalServerError, ErrorNotFound, ErrorServiceUnavailable};
use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, get, http::header::LOCATION, post, web};
use redis_ext::unique_id::{HasId, Id};
use redis_ext::{Error, IdClass, IdTtl, UniqueId};
use redis_ext_examples::request;
use sqids::Sqids;

struct Link;

impl HasId for Link {
    const CLASS: IdClass = IdClass::from_static("link");
}

#[derive(Clone)]
struct Shortener {
    links: UniqueId<Link>,
    codes: Sqids,
}

impl Shortener {
    /// The ID that a code stands for. Several texts decode to one number; the code is the one that it is encoded to.
    fn id_of(&self, code: &str) -> Option<Id<Link>> {
        let numbers = self.codes.decode(code);
        let [number] = numbers[..] else { return None };
        (self.codes.encode(&numbers).ok()? == code).then(|| Id::new(number))
    }
}

#[post("/links")]
async fn shorten(url: String, shortener: web::Data<Shortener>) -> actix_web::Result<HttpResponse> {
    if !(url.starts_with("https://") || url.starts_with("http://")) || url.contains(char::is_control) {
        return Err(ErrorBadRequest("send the URL, which begins with http:// or https://, as the body\n"));
    }
    let id = shortener.links.get_or_create(&url).await.map_err(status_of)?;
    let code = shortener.codes.encode(&[id.get()]).map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Created().insert_header((LOCATION, format!("/{code}"))).body(code + "\n"))
}

#[get("/{code}")]
async fn follow(code: web::Path<String>, shortener: web::Data<Shortener>) -> actix_web::Result<HttpResponse> {
    let unknown = || ErrorNotFound("there is no such link\n");
    let id = shortener.id_of(&code).ok_or_else(unknown)?;
    let url = shortener.links.key_of(id).await.map_err(status_of)?.ok_or_else(unknown)?;
    Ok(HttpResponse::Found().insert_header((LOCATION, url)).finish())
}

/// A URL that is too long is the client's fault; everything else may be better soon.
fn status_of(error: Error) -> actix_web::Error {
    match error {
        Error::IdName(error) => ErrorBadRequest(error),
        error => ErrorServiceUnavailable(error),
    }
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let once = env::var_os("CI").is_some() || env::args().any(|argument| argument == "--once");
    let backend = redis_ext_examples::backend().await?;
    let links = UniqueId::of::<Link>(backend).ttl(IdTtl::NONE).reverse().start()?;
    let shortener = web::Data::new(Shortener { links, codes: Sqids::builder().min_length(5).build()? });

    let server = HttpServer::new(move || App::new().app_data(shortener.clone()).service(shorten).service(follow))
        .workers(2)
        .bind(("127.0.0.1", if once { 0 } else { 8080 }))?;
    let address = server.addrs()[0];
    println!("Listening on http://{address}/links");
    let server = server.run();
    let visitor = once.then(|| actix::spawn(visit(address, server.handle())));
    server.await?;
    if let Some(visitor) = visitor {
        visitor.await??;
    }
    Ok(())
}

/// Shortens two links and one of them again, follows what came of it, and ends the server.
async fn visit(address: SocketAddr, server: ServerHandle) -> std::io::Result<()> {
    for url in ["https://example.org/a/long/way", "https://example.org/another", "https://example.org/a/long/way"] {
        let answer = request(address, "POST", "/links", "text/plain", url).await?;
        let code = answer.lines().last().unwrap_or_default();
        let redirect = request(address, "GET", &format!("/{code}"), "text/plain", "").await?;
        let location = redirect.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or("nowhere");
        println!("{url} is /{code}, which leads to {location}");
    }
    server.stop(true).await;
    Ok(())
}
