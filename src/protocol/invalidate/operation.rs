//! `CACHE.INVALIDATE OPERATION ns operation-pattern [operation-pattern ...]`

use super::super::entry_arguments::{NAMESPACE, too_few};
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::{AT_ONCE, CONTAINER, NEW_CLOCK};
use crate::core::epochs::Scope;
use crate::core::name::NamespaceName;
use crate::core::policy::glob::Pattern;
use crate::core::refusal::{Code, Refusal};

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "OPERATION",
    summary: "Makes all entries absent of the operations that match.",
    complexity: "O(1) for each pattern, and O(N) with N the leases in flight",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[
        NAMESPACE,
        Argument {
            name: "operation-pattern",
            kind: Kind::Many,
            token: None,
            optional: false,
            summary: "a glob that names of operations match",
        },
    ],
    reply: NEW_CLOCK,
    details: &[AT_ONCE],
    examples: &[],
};

/// Reads the arguments after the command's name.
pub fn parse<'a>(arguments: &[&'a [u8]]) -> Result<Scope<'a>, Refusal> {
    let (namespace, patterns) = arguments.split_first().ok_or_else(too_few)?;
    NamespaceName::parse(namespace)?;
    let patterns = patterns.iter().map(|pattern| {
        // Of rules that is a bad policy, here it is a bad name.
        let of_name = |refusal| Refusal { code: Code::BadName, ..refusal };
        Pattern::of_operations(pattern).map_err(of_name)
    });
    let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
    if patterns.is_empty() { Err(too_few()) } else { Ok(Scope::Operations(patterns)) }
}
