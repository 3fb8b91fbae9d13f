//! The whole service: puts the parts together, starts them, and ends them in the right order.

use std::{io, net::SocketAddr, sync::Arc};

use actix_web::{App, HttpServer, dev::Server, web};

use crate::{Config, Error, Issues, Newsletter, Outbox, Subscribers, http, tasks::Background};

/// The running service.
pub struct Service {
    server: Server,
    address: SocketAddr,
    background: Background,
}

impl Service {
    /// Starts everything in the current actix System.
    ///
    /// # Errors
    /// [`Error::Store`] when the backend cannot be used, [`Error::Directory`] and [`Error::Server`] when the directory or the port cannot.
    pub async fn start(config: &Config) -> Result<Self, Error> {
        let backend = config.backend().await?;
        let newsletter = Arc::new(Newsletter {
            subscribers: Subscribers::open(&backend).await?,
            issues: Issues::open(&config.directory).await.map_err(Error::Directory)?,
            post: Arc::new(Outbox::new(config.directory.join("outbox"))),
            backend,
        });
        let (server, address) = listen(config, Arc::clone(&newsletter)).map_err(Error::Server)?;
        let background = Background::start(&newsletter, config.grace)?;
        Ok(Self { server, address, background })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    // ANCHOR: run
    /// Runs until SIGINT or SIGTERM, which the web server listens to. It ends first: its last requests still become tasks.
    /// Then what is debounced is left where it is, and the workers drain.
    ///
    /// # Errors
    /// [`Error::Server`], [`Error::Store`].
    pub async fn run(self) -> Result<(), Error> {
        let served = self.server.await.map_err(Error::Server);
        self.background.shutdown().await?;
        served
    }
    // ANCHOR_END: run
}

/// Only this machine can reach it: there is no login.
fn listen(config: &Config, newsletter: Arc<Newsletter>) -> io::Result<(Server, SocketAddr)> {
    let app = move || App::new().app_data(web::Data::from(Arc::clone(&newsletter))).configure(http::routes);
    let server =
        HttpServer::new(app).workers(2).shutdown_timeout(config.grace.as_secs()).bind(("127.0.0.1", config.port))?;
    let address = server.addrs()[0];
    Ok((server.run(), address))
}
