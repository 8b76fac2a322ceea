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

const USAGE: &str = "top [--once SECONDS] [--port PORT | --url redis://[user:password@]host:port] [namespace ...]\n\
                     A password may stand in REDISCLI_AUTH, as for redis-cli.";

impl Options {
    pub fn read(words: &[String]) -> Result<Options, Box<dyn Error>> {
        let mut options = Options { url: url_of_port("6379")?, once: None, namespaces: Vec::new() };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} takes a value\n{USAGE}"));
            match word {
                "--once" => {
                    options.once = Some(value()?.parse().map_err(|_| "--once takes a number of seconds")?)
                }
                "--port" => options.url = url_of_port(value()?)?,
                "--url" => value()?.clone_into(&mut options.url),
                option if option.starts_with('-') => {
                    return Err(format!("{option} is unknown\n{USAGE}").into());
                }
                namespace => options.namespaces.push(namespace.to_owned()),
            }
        }
        Ok(options)
    }
}

fn url_of_port(port: &str) -> Result<String, Box<dyn Error>> {
    let port: u16 = port.parse().map_err(|_| format!("{port} is no port"))?;
    Ok(format!("redis://127.0.0.1:{port}"))
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
        for (words, named) in [(&["--once"][..], "--once"), (&["--port", "x"], "x"), (&["--fast"], "--fast")]
        {
            assert!(read(words).expect_err("a refusal").contains(named), "{words:?}");
        }
    }
}
