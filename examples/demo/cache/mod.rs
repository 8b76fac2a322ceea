//! The result cache as a program uses it.
//!
//! The simplest use stands here: two commands and one decision. [`lease`] is for what shall be computed once however
//! many ask, [`news`] for those who only want to know.

pub mod lease;
pub mod news;

use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, Instant};

use redis::{Connection, FromRedisValue, Value, cmd};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a result is fresh, in seconds: a week.
const FRESH_S: u64 = 7 * 24 * 60 * 60;

/// The results of one namespace.
pub struct Cache {
    connection: Connection,
    namespace: &'static str,
}

/// A result, and whether it had to be made.
pub struct Outcome<T> {
    pub result: T,
    pub found: Found,
}

/// Where a result came from.
pub enum Found {
    /// The cache had it; making it had taken this long.
    Hit { saved: Duration },
    /// It was made now.
    Miss,
}

/// What is known of a result beside the result itself.
pub struct Facts {
    /// The size in bytes of the file that the result stands for.
    pub weight: u64,
    /// A name that this result can be invalidated by, together with others.
    pub tag: String,
}

impl Cache {
    /// The cache of `namespace` on the server at `port` of this machine.
    pub fn open(port: u16, namespace: &'static str) -> Result<Cache, Box<dyn Error>> {
        let connection = redis::Client::open(("127.0.0.1", port))?.get_connection()?;
        Ok(Cache { connection, namespace })
    }

    /// The result of `operation` with `params`: from the cache if it is there and `is_usable`, else from `make`, and
    /// then stored for the next who asks.
    ///
    /// Params may be spelled in any way: key order, spacing and number format make no difference to the cache.
    pub fn result_of<T: Serialize + DeserializeOwned>(
        &mut self,
        operation: &str,
        params: &impl Serialize,
        is_usable: impl Fn(&T) -> bool,
        make: impl FnOnce() -> Result<(T, Facts), Box<dyn Error>>,
    ) -> Result<Outcome<T>, Box<dyn Error>> {
        let params = serde_json::to_string(params)?;
        if let Some(text) = self.ask::<Option<String>>("GET", operation, &params)? {
            let result = serde_json::from_str(&text)?;
            if is_usable(&result) {
                let saved = self.took(operation, &params)?;
                return Ok(Outcome { result, found: Found::Hit { saved } });
            }
            self.ask::<u64>("INVALIDATE", operation, &params)?;
        }
        let started = Instant::now();
        let (result, facts) = make()?;
        self.store(operation, &params, &result, &facts, started.elapsed())?;
        Ok(Outcome { result, found: Found::Miss })
    }

    /// `CACHE.RESULT SET`, with what it took to make the result.
    fn store<T: Serialize>(
        &mut self,
        operation: &str,
        params: &str,
        result: &T,
        facts: &Facts,
        took: Duration,
    ) -> Result<(), Box<dyn Error>> {
        cmd("CACHE.RESULT")
            .arg("SET")
            .arg(self.namespace)
            .arg(operation)
            .arg(params)
            .arg(serde_json::to_string(result)?)
            .arg(("EX", FRESH_S))
            .arg(("TAGS", 1, &facts.tag))
            .arg(("TOOK", u64::try_from(took.as_millis())?))
            .arg(("WEIGHT", facts.weight))
            .exec(&mut self.connection)?;
        Ok(())
    }

    /// Whether a result is there.
    pub fn has(&mut self, operation: &str, params: &impl Serialize) -> Result<bool, Box<dyn Error>> {
        Ok(self.ask("EXISTS", operation, &serde_json::to_string(params)?)?)
    }

    /// The key of the entry for `params`. Its last part is the fingerprint, which stands for the params in every command.
    pub fn key(&mut self, operation: &str, params: &impl Serialize) -> Result<String, Box<dyn Error>> {
        Ok(self.ask("KEY", operation, &serde_json::to_string(params)?)?)
    }

    /// Deletes the entry for `params` by its key, of which the module makes no record.
    pub fn delete_by_key(&mut self, operation: &str, params: &impl Serialize) -> Result<(), Box<dyn Error>> {
        let key = self.key(operation, params)?;
        Ok(cmd("DEL").arg(key).exec(&mut self.connection)?)
    }

    /// Changes members of a result in JSON; for `lifetime`, or as long as rules say.
    pub fn merge(
        &mut self,
        operation: &str,
        params: &impl Serialize,
        patch: &impl Serialize,
        lifetime: Option<Duration>,
    ) -> Result<(), Box<dyn Error>> {
        let mut merge = cmd("CACHE.RESULT");
        merge.arg("MERGE").arg(self.namespace).arg(operation);
        merge.arg((serde_json::to_string(params)?, serde_json::to_string(patch)?));
        if let Some(lifetime) = lifetime {
            merge.arg(("PX", lease::millis(lifetime)?));
        }
        Ok(merge.exec(&mut self.connection)?)
    }

    /// Makes all results absent that bear the tag.
    pub fn invalidate_tag(&mut self, tag: &str) -> Result<(), Box<dyn Error>> {
        Ok(cmd("CACHE.INVALIDATE").arg("TAG").arg(self.namespace).arg(tag).exec(&mut self.connection)?)
    }

    /// Makes a rule for all operations of this namespace.
    pub fn rule(&mut self, fields: &[(&str, &str)]) -> Result<(), Box<dyn Error>> {
        let mut set = cmd("CACHE.POLICY");
        set.arg("SET").arg(self.namespace).arg("*");
        for field in fields {
            set.arg(field);
        }
        Ok(set.exec(&mut self.connection)?)
    }

    /// How long the stored result had taken to make; nothing if it went meanwhile.
    fn took(&mut self, operation: &str, params: &str) -> Result<Duration, Box<dyn Error>> {
        let mut info: HashMap<String, Value> = self.ask("INFO", operation, params)?;
        let took_ms = info.remove("took_ms").ok_or("CACHE.RESULT INFO shows no took_ms")?;
        Ok(Duration::from_millis(Option::from_redis_value(took_ms)?.unwrap_or(0)))
    }

    /// One of the subcommands that take no more than the name of an entry.
    fn ask<T: FromRedisValue>(
        &mut self,
        subcommand: &str,
        operation: &str,
        params: &str,
    ) -> redis::RedisResult<T> {
        cmd("CACHE.RESULT")
            .arg(subcommand)
            .arg(self.namespace)
            .arg(operation)
            .arg(params)
            .query(&mut self.connection)
    }
}
