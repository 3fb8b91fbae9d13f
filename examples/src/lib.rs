//! What the examples share: the choice of where their tasks live, and a client for the web services among them.

use std::{env, io, net::SocketAddr, sync::Arc};

use redis_ext::{Backend, Error, RedisBackend};
use redis_ext_memory::MemoryBackend;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Redis if the environment variable `REDIS_URL` is set, and otherwise the memory of this process.
///
/// # Errors
/// [`Error::Backend`] when the Redis of that address cannot be used.
pub async fn backend() -> Result<Arc<dyn Backend>, Error> {
    match env::var("REDIS_URL") {
        Ok(url) => {
            println!("Tasks are kept on the Redis of REDIS_URL.");
            Ok(Arc::new(RedisBackend::connect(&url).await?))
        }
        Err(_) => {
            println!("Tasks are kept in memory; set REDIS_URL, such as redis://127.0.0.1/, to keep them on Redis.");
            Ok(Arc::new(MemoryBackend::new()))
        }
    }
}

/// Makes an HTTP request and gives the answer, head and body: a client without a crate for it.
///
/// # Errors
/// Those of the connection.
pub async fn request(address: SocketAddr, method: &str, path: &str, kind: &str, body: &str) -> io::Result<String> {
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: {kind}");
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.replace('\r', ""))
}
