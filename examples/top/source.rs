//! The server that is watched: it is asked anew each time, and found again where it was away.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::time::Duration;

use redis::{Client, Connection, ConnectionInfo, FromRedisValue, IntoConnectionInfo, Value};

use super::options::{Options, password};

/// How many namespaces are shown at most.
const MOST: usize = 200;

/// How many steps of SCAN a look takes at most.
const STEPS: usize = 50;

/// The type of a namespace's key.
const NAMESPACE_TYPE: &str = "cache-nsp";

const PATIENCE: Duration = Duration::from_secs(2);

pub struct Source {
    url: String,
    connection: Option<Connection>,
    /// Those that were asked for; empty is all that are found.
    wanted: Vec<String>,
    /// Those that SCAN has found so far, and where it goes on.
    found: Vec<String>,
    cursor: u64,
}

/// The figures of the server, a namespace or an operation, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(HashMap<String, String>);

impl Figures {
    /// A figure as a number; none where it is not known.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.parse().ok()
    }

    /// A count, or 0.
    pub fn count(&self, name: &str) -> f64 {
        self.number(name).unwrap_or(0.0)
    }

    pub fn word(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Figures {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Figures(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// What a server said at one moment.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    pub all: Figures,
    /// By namespace: its figures, and those of its operations.
    pub namespaces: BTreeMap<String, (Figures, BTreeMap<String, Figures>)>,
}

impl Source {
    pub fn of(options: &Options) -> Source {
        let (url, wanted) = (options.url.clone(), options.namespaces.clone());
        Source { url, connection: None, wanted, found: Vec::new(), cursor: 0 }
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
        let connection = connection.map_err(|e| format!("no server answers at {}: {e}", self.name()))?;
        connection.set_read_timeout(Some(PATIENCE))?;
        Ok(connection)
    }

    fn explain(&self, error: &redis::RedisError) -> String {
        let text = error.to_string();
        if text.contains("unknown command") {
            return format!("the server at {} has not loaded the module `cache`", self.name());
        }
        format!("the server at {} says: {text}", self.name())
    }

    fn ask(&mut self, connection: &mut Connection) -> redis::RedisResult<Reading> {
        let all = figures(&redis::cmd("CACHE.STATS").query(connection)?).0;
        if self.wanted.is_empty() {
            self.look_for_more(connection)?;
        }
        let names = if self.wanted.is_empty() { &self.found } else { &self.wanted };
        let mut namespaces = BTreeMap::new();
        for namespace in names.iter().take(MOST) {
            let (of_namespace, operations) =
                figures(&redis::cmd("CACHE.STATS").arg(namespace).query(connection)?);
            let mut of_operations = BTreeMap::new();
            for operation in operations.into_iter().take(MOST) {
                let reply = redis::cmd("CACHE.STATS").arg(namespace).arg(&operation).query(connection)?;
                of_operations.insert(operation, figures(&reply).0);
            }
            namespaces.insert(namespace.clone(), (of_namespace, of_operations));
        }
        Ok(Reading { all, namespaces })
    }

    /// Goes on with SCAN, so that a large server is not asked for everything at once.
    fn look_for_more(&mut self, connection: &mut Connection) -> redis::RedisResult<()> {
        for _ in 0..STEPS {
            let mut scan = redis::cmd("SCAN");
            scan.arg(self.cursor).arg("TYPE").arg(NAMESPACE_TYPE).arg("COUNT").arg(1000);
            let (cursor, names): (u64, Vec<String>) = scan.query(connection)?;
            self.found.extend(names);
            self.cursor = cursor;
            if cursor == 0 {
                break;
            }
        }
        self.found.sort();
        self.found.dedup();
        Ok(())
    }
}

/// The pairs of a reply, and the operations that a namespace's has.
fn figures(reply: &Value) -> (Figures, Vec<String>) {
    let pairs = HashMap::<String, Value>::from_redis_value_ref(reply).unwrap_or_default();
    let mut operations = Vec::new();
    let mut figures = HashMap::new();
    for (name, value) in pairs {
        if name == "operations" {
            operations = Vec::<String>::from_redis_value_ref(&value).unwrap_or_default();
        } else if let Ok(Some(text)) = Option::<String>::from_redis_value_ref(&value) {
            figures.insert(name, text);
        }
    }
    (Figures(figures), operations)
}
