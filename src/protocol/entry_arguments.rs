//! `ns operation params`: the three arguments that address an entry.

use crate::core::fingerprint::{Fingerprint, Fingerprinter, Params};
use crate::core::limits::Limits;
use crate::core::name::{NamespaceName, OperationName};
use crate::core::policy::Policy;
use crate::core::refusal::Refusal;
use crate::core::state::Address;

use super::options::Options;
use super::table::{Argument, Command, Kind};

/// As the table names them.
pub const NAMESPACE: Argument = Argument {
    name: "ns",
    kind: Kind::Namespace,
    token: None,
    optional: false,
    summary: "the namespace, a Redis key",
};
pub const OPERATION: Argument = Argument {
    name: "operation",
    kind: Kind::Text,
    token: None,
    optional: false,
    summary: "the kind of work",
};
pub const PARAMS: Argument = Argument {
    name: "params",
    kind: Kind::Text,
    token: None,
    optional: false,
    summary: "a JSON text, or fp: and its fingerprint",
};

/// The address as a client gives it; params are not parsed yet.
#[derive(Debug, Clone, Copy)]
pub struct EntryArguments<'a> {
    pub namespace: NamespaceName<'a>,
    pub operation: OperationName<'a>,
    params: Params<'a>,
}

impl<'a> EntryArguments<'a> {
    /// Takes the three from the front of a command's arguments; returns what remains.
    #[inline]
    pub fn parse(arguments: &'a [&'a [u8]], limits: &Limits) -> Result<(Self, &'a [&'a [u8]]), Refusal> {
        let (&words, rest) = arguments.split_first_chunk::<3>().ok_or_else(too_few)?;
        Ok((Self::of(words, limits)?, rest))
    }

    /// Reads namespace, operation and params.
    #[inline]
    pub fn of([namespace, operation, params]: [&'a [u8]; 3], limits: &Limits) -> Result<Self, Refusal> {
        Self::within(NamespaceName::parse(namespace)?, [operation, params], limits)
    }

    /// Reads operation and params.
    #[inline]
    pub fn within(
        namespace: NamespaceName<'a>,
        [operation, params]: [&'a [u8]; 2],
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        limits.check_params(params)?;
        let operation = OperationName::parse(operation)?;
        Ok(EntryArguments { namespace, operation, params: Params::parse(params)? })
    }

    /// What names an entry by params that are one JSON text.
    #[inline]
    pub fn of_json(namespace: NamespaceName<'a>, operation: OperationName<'a>, json: &'a [u8]) -> Self {
        EntryArguments { namespace, operation, params: Params::Json(json) }
    }

    /// Reads the arguments of a command that has no others.
    pub fn alone(
        command: &'static Command,
        arguments: &'a [&'a [u8]],
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        let (entry, rest) = Self::parse(arguments, limits)?;
        Options::parse(command, rest)?;
        Ok(entry)
    }

    /// The fingerprint of the params under a policy.
    pub fn fingerprint(
        &self,
        fingerprinter: &mut Fingerprinter,
        policy: &Policy,
    ) -> Result<Fingerprint, Refusal> {
        self.params.resolve(self.operation.as_str(), policy, fingerprinter)
    }

    /// The address, once the fingerprint is known.
    pub fn address(&self, fingerprint: Fingerprint) -> Address<'a> {
        Address { namespace: self.namespace, operation: self.operation, fingerprint }
    }

    /// Namespace and operation as they are spelled.
    #[inline]
    pub fn names(&self) -> [&'a [u8]; 2] {
        [self.namespace.as_str(), self.operation.as_str()].map(str::as_bytes)
    }

    /// The params as they are spelled; none where the client gave `fp:`.
    pub fn json(&self) -> Option<&'a [u8]> {
        self.params.json()
    }

    /// Canonical params; none where the client gave `fp:`.
    pub fn canonical(&self, fingerprinter: &mut Fingerprinter) -> Result<Option<Vec<u8>>, Refusal> {
        self.params.canonical(fingerprinter)
    }
}

/// Core checks the arity before a command runs; this is for whoever calls a parser with less.
pub fn too_few() -> Refusal {
    Refusal::syntax("too few arguments")
}
