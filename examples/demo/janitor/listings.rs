//! Which files living entries list.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use redis::{Connection, FromRedisValue, RedisResult, Value, cmd};
use serde::Deserialize;

/// The entries of a namespace, asked what they list.
pub struct Listings {
    connection: Connection,
    namespace: String,
}

/// What there is to know of a result here: where its file is.
#[derive(Deserialize)]
struct Listing {
    path: PathBuf,
}

/// The file that a result lists.
pub fn file_of(result: &[u8]) -> Option<PathBuf> {
    serde_json::from_slice(result).ok().map(|listing: Listing| listing.path)
}

impl Listings {
    /// Of `namespace` on the server at `port` of this machine.
    pub fn open(port: u16, namespace: &str) -> RedisResult<Listings> {
        let connection = redis::Client::open(("127.0.0.1", port))?.get_connection()?;
        Ok(Listings { connection, namespace: namespace.into() })
    }

    /// Whether the living entry with this fingerprint lists `file`.
    pub fn list(&mut self, operation: &str, fingerprint: &str, file: &Path) -> RedisResult<bool> {
        // Most are gone. INFO tells, and is counted neither as a miss nor as a use.
        let info: HashMap<String, Value> = self.ask("INFO", operation, fingerprint, None)?;
        let state = info.get("state").cloned().unwrap_or(Value::Nil);
        if !["fresh", "stale"].contains(&&*String::from_redis_value(state)?) {
            return Ok(false);
        }
        // Those who may be served what is stale still read the file.
        let result: Option<Vec<u8>> = self.ask("GET", operation, fingerprint, Some("STALE"))?;
        // What is there and not shown, since the cache is switched off (BYPASS), may list anything.
        Ok(result.is_none_or(|result| file_of(&result).as_deref() == Some(file)))
    }

    fn ask<T: FromRedisValue>(
        &mut self,
        subcommand: &str,
        operation: &str,
        fingerprint: &str,
        option: Option<&str>,
    ) -> RedisResult<T> {
        let mut ask = cmd("CACHE.RESULT");
        ask.arg(subcommand).arg(&self.namespace).arg(operation).arg(format!("fp:{fingerprint}")).arg(option);
        ask.query(&mut self.connection)
    }
}
