//! What a server's reply means: the mapping of errors to [`BackendError`], in one place, and typed replies.

use redis::{ErrorKind, FromRedisValue, RedisError, ServerErrorKind, Value};

use crate::backend::{BackendError, BackendErrorKind, Operation};

/// The server cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("no Redis server answers at {address}: start one (`redis-server`), or correct the URL")]
pub(super) struct Unreachable {
    pub(super) address: String,
    pub(super) source: Option<RedisError>,
}

/// The error of a command that was sent.
pub(super) fn error(operation: Operation, error: RedisError) -> BackendError {
    let kind = kind_of(&error);
    let is_refusal = matches!(kind, Kind::Refused(_));
    let (Kind::Refused(kind) | Kind::Lost(kind)) = kind;
    let mapped = BackendError::new(kind, operation).with_source(error);
    // The server checks before it writes, so an error that it sent means that nothing was written.
    if is_refusal { mapped } else { mapped.maybe_applied() }
}

/// The error of an attempt to connect to `address`.
pub(super) fn connect_error(operation: Operation, address: &str, error: Option<RedisError>) -> BackendError {
    let kind = match error.as_ref().map(kind_of) {
        Some(Kind::Refused(kind)) => kind,
        Some(Kind::Lost(_)) | None => BackendErrorKind::Unavailable,
    };
    match (kind, error) {
        (BackendErrorKind::Unavailable, source) => {
            BackendError::new(kind, operation).with_source(Unreachable { address: address.to_owned(), source })
        }
        (kind, Some(error)) => BackendError::new(kind, operation).with_source(error),
        (kind, None) => BackendError::new(kind, operation),
    }
}

/// Reads a reply as a `T`.
pub(super) fn read<T: FromRedisValue>(operation: Operation, reply: Value) -> Result<T, BackendError> {
    redis::from_redis_value(reply).map_err(|error| unexpected(operation, error))
}

/// The reply has not the form that the command's replies have.
pub(super) fn unexpected(
    operation: Operation,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> BackendError {
    BackendError::new(BackendErrorKind::Unexpected, operation).with_source(source).maybe_applied()
}

/// The store holds something that this library did not write.
pub(super) fn corrupt(
    operation: Operation,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> BackendError {
    BackendError::new(BackendErrorKind::Corrupt, operation).with_source(source)
}

enum Kind {
    /// The server said no.
    Refused(BackendErrorKind),
    /// It is not known what the server did.
    Lost(BackendErrorKind),
}

fn kind_of(error: &RedisError) -> Kind {
    match error.kind() {
        ErrorKind::Io if error.is_timeout() => Kind::Lost(BackendErrorKind::Timeout),
        ErrorKind::Io => Kind::Lost(BackendErrorKind::Unavailable),
        ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig | ErrorKind::RESP3NotSupported => {
            Kind::Refused(BackendErrorKind::Config)
        }
        ErrorKind::Server(ServerErrorKind::ResponseError) => {
            // Some servers wrap the error of a command within a script: its code stands in the text. A missing right
            // has no code at all there.
            let text = error.detail().unwrap_or_default();
            if SCRIPT_LACKS_RIGHT.iter().any(|sign| text.contains(sign)) {
                return Kind::Refused(BackendErrorKind::Config);
            }
            let code = text.split(|c: char| !c.is_ascii_uppercase()).find_map(kind_of_code);
            Kind::Refused(code.unwrap_or(BackendErrorKind::Unexpected))
        }
        ErrorKind::Server(_) | ErrorKind::Extension => {
            let code = error.code().and_then(kind_of_code);
            Kind::Refused(code.unwrap_or(BackendErrorKind::Unexpected))
        }
        _ => Kind::Lost(BackendErrorKind::Unexpected),
    }
}

/// What Redis 7.0 and before says, and what later ones and Valkey do.
const SCRIPT_LACKS_RIGHT: [&str; 2] = ["The user executing the script can't run this command", "ACL failure in script"];

/// The codes are those of Redis, but for the first four, which our scripts give.
fn kind_of_code(code: &str) -> Option<BackendErrorKind> {
    Some(match code {
        "LEASELOST" => BackendErrorKind::LeaseLost,
        "CORRUPT" => BackendErrorKind::Corrupt,
        "EXHAUSTED" => BackendErrorKind::Exhausted,
        "STAGELOST" => BackendErrorKind::Unavailable,
        "WRONGTYPE" => BackendErrorKind::WrongType,
        "OOM" | "BUSY" => BackendErrorKind::Overloaded,
        "READONLY" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "NOREPLICAS" | "TRYAGAIN" | "MISCONF" | "NOSCRIPT" => {
            BackendErrorKind::Unavailable
        }
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "MOVED" | "ASK" | "CROSSSLOT" => BackendErrorKind::Config,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, io};

    use super::*;

    fn from_server(line: &str) -> BackendError {
        let reply = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        error(Operation::Claim, reply.extract_error().unwrap_err())
    }

    #[test]
    fn each_refusal_of_the_server_has_its_kind_and_changed_nothing() {
        for (line, kind) in [
            ("WRONGTYPE Operation against a key holding the wrong kind of value", BackendErrorKind::WrongType),
            (
                "ERR Error running script (call to f_1): @user_script:12: WRONGTYPE Operation against a key",
                BackendErrorKind::WrongType,
            ),
            ("LEASELOST the incarnation has not joined or was recovered", BackendErrorKind::LeaseLost),
            ("CORRUPT the key user:auto holds no ID", BackendErrorKind::Corrupt),
            ("EXHAUSTED the counter user:auto has no room for so many IDs", BackendErrorKind::Exhausted),
            ("OOM command not allowed when used memory > 'maxmemory'.", BackendErrorKind::Overloaded),
            ("BUSY Redis is busy running a script.", BackendErrorKind::Overloaded),
            ("READONLY You can't write against a read only replica.", BackendErrorKind::Unavailable),
            ("LOADING Redis is loading the dataset in memory", BackendErrorKind::Unavailable),
            ("MASTERDOWN Link with MASTER is down", BackendErrorKind::Unavailable),
            ("CLUSTERDOWN Hash slot not served", BackendErrorKind::Unavailable),
            ("NOREPLICAS Not enough good replicas to write.", BackendErrorKind::Unavailable),
            ("MISCONF Redis is configured to save RDB snapshots", BackendErrorKind::Unavailable),
            ("NOAUTH Authentication required.", BackendErrorKind::Config),
            ("WRONGPASS invalid username-password pair", BackendErrorKind::Config),
            ("NOPERM this user has no permissions to run the 'get' command", BackendErrorKind::Config),
            ("ERR The user executing the script can't run this command or subcommand", BackendErrorKind::Config),
            ("ERR ACL failure in script: User u has no permissions to run the 'get' command", BackendErrorKind::Config),
            ("MOVED 1 127.0.0.1:7001", BackendErrorKind::Config),
            ("CROSSSLOT Keys in request don't hash to the same slot", BackendErrorKind::Config),
            ("ERR unknown command 'BLMOVE'", BackendErrorKind::Unexpected),
            ("FUTURE an error of a later release", BackendErrorKind::Unexpected),
        ] {
            let error = from_server(line);
            assert_eq!((error.kind(), error.is_maybe_applied()), (kind, false), "{line}");
            assert!(error.source().is_some_and(|source| source.is::<RedisError>()), "{line}");
        }
    }

    #[test]
    fn a_reply_that_did_not_come_leaves_it_open_what_was_done() {
        for (io, kind) in [
            (io::ErrorKind::TimedOut, BackendErrorKind::Timeout),
            (io::ErrorKind::ConnectionReset, BackendErrorKind::Unavailable),
        ] {
            let error = error(Operation::Settle, RedisError::from(io::Error::from(io)));
            assert_eq!((error.kind(), error.is_maybe_applied()), (kind, true));
        }
    }
}
