//! `CACHE.POLICY`: rules that live in the server. A file for each subcommand.

use crate::core::policy::field::Field;
use crate::core::policy::glob::Pattern;
use crate::core::refusal::{Code, Refusal, quoted};

use super::entry_arguments::too_few;
use super::table::{Argument, Kind};

pub mod del;
pub mod explain;
pub mod get;
pub mod list;
pub mod set;

/// The container of all of them.
pub const CONTAINER: &str = "CACHE.POLICY";

const NAMESPACE_PATTERN: Argument = Argument {
    name: "ns-pattern",
    kind: Kind::Text,
    token: None,
    optional: false,
    summary: "a glob that names of namespaces match",
};

const OPERATION_PATTERN: Argument = Argument {
    name: "operation-pattern",
    kind: Kind::Text,
    token: None,
    optional: false,
    summary: "a glob that names of operations match",
};

/// In a cluster a rule is set on every primary, as a function is; clients that know the tips do so by themselves.
const EVERY_PRIMARY: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

/// The two patterns that name a rule.
#[derive(Debug)]
pub struct Patterns {
    pub namespace: Pattern,
    pub operation: Pattern,
}

impl Patterns {
    /// Takes the two from the front of a command's arguments; returns what remains.
    fn parse<'a>(arguments: &'a [&'a [u8]]) -> Result<(Self, &'a [&'a [u8]]), Refusal> {
        let ([namespace, operation], rest) = arguments.split_first_chunk::<2>().ok_or_else(too_few)?;
        let patterns = Patterns {
            namespace: Pattern::of_namespaces(namespace)?,
            operation: Pattern::of_operations(operation)?,
        };
        Ok((patterns, rest))
    }

    /// Both as they were written.
    pub fn as_bytes(&self) -> (&[u8], &[u8]) {
        (self.namespace.as_str().as_bytes(), self.operation.as_str().as_bytes())
    }
}

/// The field that an argument names.
fn field(argument: &[u8]) -> Result<Field, Refusal> {
    Field::parse(argument).ok_or_else(|| {
        let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
        Refusal::new(
            Code::BadPolicy,
            format!("unknown field {}: {} are accepted", quoted(argument), names.join(", ")),
        )
    })
}
