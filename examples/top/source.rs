//! The server that is watched: it is asked anew each time, and found again where it was away.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use redis::{
    Client, Connection, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError, RedisResult, Value,
};

use super::figures::{Figures, Reading};
use super::options::{Options, password};
use super::search::Search;

/// How many operations are shown at most, of all namespaces together.
const MOST_OPERATIONS: usize = 2000;

const PATIENCE: Duration = Duration::from_secs(2);

pub struct Source {
    url: String,
    connection: Option<Connection>,
    /// Those that were asked for; empty is all that are found.
    wanted: Vec<String>,
    search: Search,
}

impl Source {
    pub fn of(options: &Options) -> Source {
        let (url, wanted) = (options.url.clone(), options.namespaces.clone());
        Source { url, connection: None, wanted, search: Search::default() }
    }

    /// The address, without a password.
    pub fn name(&self) -> &str {
        self.url.rsplit('@').next().unwrap_or_default().trim_start_matches("redis://")
    }

    /// Asks the server; after a failure the next call connects again.
    pub fn read(&mut self) -> Result<Reading, Box<dyn Error>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let reading = self.ask(&mut connection).map_err(|e| self.explain(&e))?;
        self.connection = Some(connection);
        Ok(reading)
    }

    fn connect(&mut self) -> Result<Connection, Box<dyn Error>> {
        let mut info: ConnectionInfo = self.url.as_str().into_connection_info()?;
        if let (None, Some(password)) = (info.redis_settings().password(), password()) {
            let settings = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(settings);
        }
        let connection = Client::open(info)?.get_connection_with_timeout(PATIENCE);
        let connection = connection.map_err(|e| self.explain(&e))?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        self.search.begin_anew();
        Ok(connection)
    }

    fn explain(&self, error: &RedisError) -> String {
        const LET_IN: &str = "give one in REDISCLI_AUTH or in --url redis://user:password@host:port";
        let (name, text) = (self.name(), error.to_string());
        if text.contains("unknown command") {
            format!("the server at {name} has not loaded the module `cache`")
        } else if error.code() == Some("NOAUTH") {
            format!("the server at {name} asks for a password: {LET_IN}")
        } else if error.kind() == ErrorKind::AuthenticationFailed {
            format!("the server at {name} refuses that password: {LET_IN}")
        } else if error.is_io_error() {
            format!("no server answers at {name}: {text}")
        } else {
            format!("the server at {name} says: {text}")
        }
    }

    fn ask(&mut self, connection: &mut Connection) -> RedisResult<Reading> {
        let all = Figures::read(&redis::cmd("CACHE.STATS").query(connection)?).0;
        let is_search = self.wanted.is_empty();
        if is_search {
            self.search.go_on(connection)?;
        }
        let names: Vec<&str> = match is_search {
            true => self.search.found().iter().map(String::as_str).collect(),
            false => self.wanted.iter().map(String::as_str).collect(),
        };
        let rows: Vec<[&str; 1]> = names.iter().map(|name| [*name]).collect();
        let mut reading =
            Reading { all, has_more: is_search && self.search.has_more(), ..Reading::default() };
        let mut operations = Vec::new();
        for (name, reply) in names.into_iter().zip(stats(connection, &rows)?) {
            let (figures, of_namespace) = match reply {
                Ok(reply) => Figures::read(&reply),
                // What was merely found may be another's (ACL), or be renamed to what is no name.
                Err(_) if is_search => continue,
                Err(refusal) => return Err(refusal),
            };
            operations.extend(of_namespace.into_iter().map(|operation| (name, operation)));
            reading.namespaces.insert(name.to_owned(), (figures, BTreeMap::new()));
        }
        reading.has_more |= operations.len() > MOST_OPERATIONS;
        operations.truncate(MOST_OPERATIONS);
        let rows: Vec<[&str; 2]> = operations.iter().map(|(name, operation)| [*name, operation]).collect();
        for ([name, operation], reply) in rows.iter().zip(stats(connection, &rows)?) {
            if let Some((_, of_namespace)) = reading.namespaces.get_mut(*name) {
                of_namespace.insert((*operation).to_owned(), Figures::read(&reply?).0);
            }
        }
        Ok(reading)
    }
}

/// `CACHE.STATS` of many in one round trip, however far the server is.
fn stats<const N: usize>(
    connection: &mut Connection,
    rows: &[[&str; N]],
) -> RedisResult<Vec<RedisResult<Value>>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipe = redis::pipe();
    for row in rows {
        pipe.cmd("CACHE.STATS").arg(row);
    }
    pipe.ignore_errors().query(connection)
}
