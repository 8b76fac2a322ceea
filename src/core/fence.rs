//! Fencing: whether what a token brings was overtaken since its grant.

use super::lease::table::Standing;
use super::name::NamespaceName;
use super::origin::Incarnation;
use super::stamp::Stamp;
use super::token::Token;

/// What decides about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// It is overtaken.
    Fenced,
    /// It is good: there has been nothing that could speak against it.
    Good,
    /// The namespace says whether something that concerns it happened since.
    Since(Stamp),
}

/// Who decides about a token that stands so, in a namespace of this life, or where there is none.
pub fn judge(
    token: &Token,
    standing: Standing,
    name: NamespaceName<'_>,
    namespace: Option<Incarnation>,
) -> Judge {
    match (standing, token.is_before_namespace(), namespace) {
        // Where it was granted before there was a namespace, only who granted it knows that none came and went.
        (Standing::Overtaken, ..) | (Standing::Unknown, true, _) | (_, false, None) => Judge::Fenced,
        (_, true, None) => Judge::Good,
        // All of this life lies behind the grant.
        (_, true, Some(incarnation)) => Judge::Since(Stamp::new(name, incarnation, 0)),
        (_, false, Some(_)) => Judge::Since(token.since),
    }
}
