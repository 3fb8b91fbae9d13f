//! What the environment says: the one place that reads it, once, at the start.

use std::{env, num::ParseIntError, path::PathBuf, sync::Arc, time::Duration};

use redis_ext::{Backend, BackendError, RedisBackend};
use redis_ext_memory::MemoryBackend;

/// The settings of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `REDIS_URL`. Without it, everything is kept in memory, and gone with the process.
    pub redis_url: Option<String>,
    /// `PORT`; 0 is any that is free.
    pub port: u16,
    /// `NEWSLETTER_DIR`: where drafts, issues, previews and the outbox are.
    pub directory: PathBuf,
    /// How long requests and tasks that are under way have, each, once the end has been asked for.
    pub grace: Duration,
}

/// A variable that is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// `PORT` is no port.
    #[error("PORT is {text:?}, and must be a number from 0 to 65535")]
    Port {
        /// What it is.
        text: String,
        /// Why it is none.
        source: ParseIntError,
    },
}

impl Config {
    /// [`port`](Self::port) unless told otherwise.
    pub const DEFAULT_PORT: u16 = 8080;
    /// [`directory`](Self::directory) unless told otherwise.
    pub const DEFAULT_DIRECTORY: &str = "target/newsletter";
    /// [`grace`](Self::grace): requests and tasks end one after the other, within the 30 seconds that orchestrators allow.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(12);

    /// The settings that the environment asks for.
    ///
    /// # Errors
    /// [`ConfigError`] for a variable that is of no use.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let port = match variable("PORT") {
            None => Self::DEFAULT_PORT,
            Some(text) => text.parse().map_err(|source| ConfigError::Port { text, source })?,
        };
        Ok(Self {
            redis_url: variable("REDIS_URL"),
            port,
            directory: variable("NEWSLETTER_DIR").unwrap_or_else(|| Self::DEFAULT_DIRECTORY.to_owned()).into(),
            grace: Self::DEFAULT_GRACE,
        })
    }

    // ANCHOR: backend
    /// Where tasks, sets and numbers are kept. Nothing else in the program knows which of the two it is.
    ///
    /// # Errors
    /// [`BackendError`] when the Redis of that address cannot be used.
    pub async fn backend(&self) -> Result<Arc<dyn Backend>, BackendError> {
        Ok(match &self.redis_url {
            Some(url) => Arc::new(RedisBackend::connect(url).await?),
            None => Arc::new(MemoryBackend::new()),
        })
    }
    // ANCHOR_END: backend
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_environment_there_are_defaults() -> Result<(), ConfigError> {
        let config = Config::from_variables(|_| None)?;
        assert_eq!((config.redis_url, config.port), (None, Config::DEFAULT_PORT));
        Ok(())
    }

    #[test]
    fn a_port_that_is_none_is_named() {
        let error = Config::from_variables(|name| (name == "PORT").then(|| "http".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "PORT is \"http\", and must be a number from 0 to 65535");
    }
}
