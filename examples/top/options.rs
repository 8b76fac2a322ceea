//! What `make top` was called with.

use std::env;
use std::error::Error;

/// What to look at, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// `redis://...`
    pub url: String,
    /// Print one frame after so many seconds; none is to go on on the terminal.
    pub once: Option<u64>,
    /// The namespaces to show; empty is all that are found.
    pub namespaces: Vec<String>,
}

const USAGE: &str = "top [--once SECONDS] [--host HOST] [--port PORT] [--url redis://[user:password@]host:port] [namespace ...]\n\
                     A password may stand in REDISCLI_AUTH, as for redis-cli.";

impl Options {
    pub fn read(words: &[String]) -> Result<Options, Box<dyn Error>> {
        let (mut host, mut port, mut url) = ("127.0.0.1", 6379, None);
        let (mut once, mut namespaces) = (None, Vec::new());
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} takes a value\n{USAGE}"));
            match word {
                "--once" => once = Some(value()?.parse().map_err(|_| "--once takes a number of seconds")?),
                "--host" => host = value()?,
                "--port" => port = port_of(value()?)?,
                "--url" => url = Some(value()?.to_owned()),
                option if option.starts_with('-') => {
                    return Err(format!("{option} is unknown\n{USAGE}").into());
                }
                namespace => namespaces.push(namespace.to_owned()),
            }
        }
        Ok(Options { url: url.unwrap_or_else(|| url_of(host, port)), once, namespaces })
    }
}

fn port_of(word: &str) -> Result<u16, String> {
    word.parse().map_err(|_| format!("{word} is no port"))
}

/// An address of IPv6 stands in brackets.
fn url_of(host: &str, port: u16) -> String {
    if host.contains(':') { format!("redis://[{host}]:{port}") } else { format!("redis://{host}:{port}") }
}

/// The password that redis-cli would use.
pub fn password() -> Option<String> {
    env::var("REDISCLI_AUTH").ok().filter(|password| !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Options::read(&words).map_err(|e| e.to_string())
    }

    #[test]
    fn words_are_read_and_wrong_ones_named() {
        let options = read(&["--port", "6380", "--once", "3", "demo", "other"]).expect("options");
        assert_eq!(options.url, "redis://127.0.0.1:6380");
        assert_eq!((options.once, options.namespaces.len()), (Some(3), 2));
        for (words, url) in [
            (&[][..], "redis://127.0.0.1:6379"),
            (&["--port", "1", "--host", "here"], "redis://here:1"),
            (&["--host", "::1"], "redis://[::1]:6379"),
            (&["--url", "redis://:pw@there", "--port", "1"], "redis://:pw@there"),
        ] {
            assert_eq!(read(words).expect("options").url, url);
        }
        for (words, named) in [(&["--once"][..], "--once"), (&["--port", "x"], "x"), (&["--fast"], "--fast")]
        {
            assert!(read(words).expect_err("a refusal").contains(named), "{words:?}");
        }
    }
}
