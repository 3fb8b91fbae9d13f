//! Whether the server at the other end is one that the backend can work with.

use super::{link::Link, reply, scripts::Request};
use crate::backend::{BackendError, BackendErrorKind, Operation};

/// The first version with `BLMOVE`, and with a count for `LPOP`.
const OLDEST: (u32, u32) = (6, 2);

/// Fails with [`Config`](BackendErrorKind::Config) if it is not. A server that does not tell is taken at its word.
pub(super) async fn check(link: &Link) -> Result<(), BackendError> {
    let info = link.send(Operation::Connect, Request::command("INFO").arg("server")).await;
    let info: String = match info {
        Ok(info) => reply::read(Operation::Connect, info)?,
        // `INFO` is a right of its own, which is not needed otherwise.
        Err(error) if error.kind() == BackendErrorKind::Config => return Ok(()),
        Err(error) => return Err(error),
    };
    match fault_of(&info) {
        None => Ok(()),
        Some(fault) => Err(BackendError::new(BackendErrorKind::Config, Operation::Connect).with_source(fault)),
    }
}

fn fault_of(info: &str) -> Option<String> {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    // The first is Redis's name for it, the second Valkey's.
    if field("redis_mode").or(field("server_mode")) == Some("cluster") {
        return Some("the server is part of a cluster, which this backend does not support yet".to_owned());
    }
    let text = field("redis_version")?;
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    let version = (parts.next()?, parts.next()?);
    let (major, minor) = OLDEST;
    (version < OLDEST).then(|| format!("the server has version {text}, and {major}.{minor} or later is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_servers_and_clusters_are_refused() {
        for good in ["redis_version:6.2.0\r\nredis_mode:standalone\r\n", "redis_version:10.0-rc1\r\n", "", "other:1"] {
            assert_eq!(fault_of(good), None, "{good}");
        }
        let old = fault_of("# Server\r\nredis_version:5.0.14\r\nredis_mode:standalone\r\n").unwrap();
        assert!(old.contains("5.0.14") && old.contains("6.2"), "{old}");
        for name in ["redis_mode", "server_mode"] {
            assert!(fault_of(&format!("redis_version:7.0.15\r\n{name}:cluster\r\n")).unwrap().contains("cluster"));
        }
    }
}
