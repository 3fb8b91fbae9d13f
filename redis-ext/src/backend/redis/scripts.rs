//! The Lua scripts, and requests made of scripts and plain commands.
//!
//! A script is one file under `lua/`, put together with the fragments that it needs (their names begin with `_`).
//! It is called by its hash; a server that does not know it, as after a restart or `SCRIPT FLUSH`, is given it and
//! asked again, which nobody notices.

use std::sync::LazyLock;

use redis::{
    Cmd, Pipeline, RedisError, RedisResult, Script, ServerErrorKind, ToRedisArgs, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};

macro_rules! scripts {
    ($($name:ident = $($file:literal)+;)*) => {
        $(pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!(concat!("lua/", $file, ".lua"))),+)));)*
    };
}

scripts! {
    ENQUEUE_UNIQUE = "_admit" "enqueue_unique";
    SCHEDULE = "_time" "_admit" "schedule";
    PROMOTE = "_time" "promote";
    JOIN = "_time" "_lease" "_drain" "join";
    RENEW = "_time" "_lease" "_drain" "renew";
    CLAIM = "_time" "_lease" "_head" "_claim" "claim";
    CLAIM_LANDED = "_landed" "_time" "_lease" "_head" "_claim" "claim";
    SETTLE = "_time" "_lease" "_drain" "_head" "_claim" "_bury" "settle";
    CANCEL = "_time" "cancel";
    DOOM = "_time" "_drain" "doom";
    PART = "_head" "part";
    GIVE_BACK = "_time" "_bury" "give_back";
    BEGIN_EFFECT = "begin_effect";
    FINISH_EFFECT = "finish_effect";
    DEAD_LETTERS = "dead_letters";
    INSPECT = "inspect";
    REPLAY = "_time" "_bury" "_exhume" "replay";
    DELETE_DEAD = "_time" "_bury" "_exhume" "delete_dead";
    TRIM_DEAD = "_time" "_bury" "_exhume" "trim_dead";
    ASSIGN_IDS = "_time" "_decimal" "_counter" "_mapping" "_reverse" "assign_ids";
    RESERVE_IDS = "_decimal" "_counter" "reserve_ids";
    OFFER_ID = "_decimal" "_mapping" "offer_id";
    FORGET_IDS = "forget_ids";
    DEBOUNCE_TRIGGER = "_time" "_payloads" "_pending" "debounce_trigger";
    DEBOUNCE_DUE_TIMES = "_time" "_payloads" "_pending" "debounce_due_times";
    DEBOUNCE_CANCEL = "debounce_cancel";
    DEBOUNCE_CLAIM = "_time" "_drain" "_payloads" "_pending" "debounce_claim";
    DEBOUNCE_RENEW = "_time" "_drain" "debounce_renew";
    DEBOUNCE_SETTLE = "_time" "_drain" "_payloads" "_pending" "debounce_settle";
    DEBOUNCE_EXPIRED = "_time" "debounce_expired";
    DEBOUNCE_RECOVER = "_time" "_drain" "_payloads" "_pending" "debounce_recover";
    DEBOUNCE_PEEK = "_time" "_payloads" "_pending" "debounce_peek";
    DEBOUNCE_QUARANTINED = "_time" "_payloads" "_pending" "debounce_quarantined";
    DEBOUNCE_RELEASE = "_time" "_payloads" "_pending" "debounce_release";
    DEBOUNCE_DELETE = "debounce_delete";
    DEBOUNCE_INSPECT = "_time" "_payloads" "_pending" "debounce_inspect";
    DEBOUNCE_CLEAR = "debounce_clear";
    SET_STATE = "_set" "set_state";
    COPY_SET = "_set" "copy_set";
    CHANGE_SET = "_set" "_set_log" "change_set";
    COMMIT_SET = "_set" "_set_log" "commit_set";
}

/// Commands that travel together, each with a reply of its own.
pub(super) struct Request {
    commands: Pipeline,
    scripts: Vec<&'static Script>,
}

impl Request {
    pub(super) fn new() -> Self {
        Self { commands: Pipeline::new(), scripts: Vec::new() }
    }

    /// A request of one script.
    pub(super) fn script(script: &'static Script, keys: &[String]) -> Self {
        let mut request = Self::new();
        request.add_script(script, keys);
        request
    }

    /// A request of one command.
    pub(super) fn command(name: &str) -> Self {
        let mut request = Self::new();
        request.add_command(name);
        request
    }

    /// A request of one command, with room for so many arguments of so many bytes in all.
    pub(super) fn large_command(name: &str, arguments: usize, bytes: usize) -> Self {
        let mut command = Cmd::with_capacity(arguments + 1, bytes + name.len());
        command.arg(name);
        let mut request = Self::new();
        request.commands.add_command(command);
        request
    }

    pub(super) fn add_command(&mut self, name: &str) -> &mut Self {
        self.commands.cmd(name);
        self
    }

    pub(super) fn add_script(&mut self, script: &'static Script, keys: &[String]) -> &mut Self {
        let mut command = Cmd::new();
        command.arg("EVALSHA").arg(script.get_hash()).arg(keys.len()).arg(keys);
        self.commands.add_command(command);
        self.scripts.push(script);
        self
    }

    /// Adds an argument to the last command.
    pub(super) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.commands.arg(argument);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Whether one of its scripts may be applied although another one is refused.
    pub(super) fn has_several_scripts(&self) -> bool {
        self.scripts.len() > 1
    }

    /// Sends it, and gives a reply or an error for each command.
    ///
    /// If the server does not know one of the scripts, it is given all of them and the whole request is sent again:
    /// only scripts that may be repeated stand in a request with others.
    ///
    /// # Errors
    /// When the replies did not come. What the server refused stands among the replies.
    pub(super) async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Vec<RedisResult<Value>>> {
        let replies = self.send_once(connection).await?;
        if !replies.iter().any(|reply| reply.as_ref().is_err_and(is_unknown_script)) {
            return Ok(replies);
        }
        load(&self.scripts, connection).await?;
        self.send_once(connection).await
    }

    /// The same, where a script that the server does not know is an error among the others.
    pub(super) async fn send_once(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<Vec<RedisResult<Value>>> {
        let replies = connection.req_packed_commands(&self.commands, 0, self.commands.len()).await?;
        Ok(replies.into_iter().map(Value::extract_error).collect())
    }
}

/// Makes the server know `scripts`.
pub(super) async fn load(scripts: &[&'static Script], connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut loads = Pipeline::new();
    for script in scripts {
        loads.load_script(script).ignore();
    }
    loads.query_async(connection).await
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ServerErrorKind::NoScript.into()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    #[test]
    fn every_lua_file_is_part_of_a_script_and_tells_its_purpose() {
        let source = include_str!("scripts.rs");
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/redis/lua");
        let files: BTreeSet<_> = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty());
        for file in files {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let lua = fs::read_to_string(&file).unwrap();
            assert!(source.contains(&format!("\"{name}\"")), "{name} is used nowhere");
            let header: Vec<_> = if name.starts_with('_') {
                vec!["-- Fragment: "]
            } else {
                vec!["-- ", "\n-- KEYS  ", "\n-- ARGV  ", "\n-- Reply ", "\n-- Cost  "]
            };
            for part in header {
                assert!(lua.contains(part), "{name} lacks {part:?} in its header");
            }
        }
    }
}
