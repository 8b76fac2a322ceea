//! What a token leads to.

use super::super::keyspace::Found;
use super::super::waiting::{self, with_leases};
use super::Call;
use super::fetch::read_only;
use crate::core::entry::Tags;
use crate::core::instant::Instant;
use crate::core::lease::Place;
use crate::core::lease::table::Standing;
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;
use crate::core::set::{Source, drawn};
use crate::core::stats::Counter;
use crate::core::token::{Kind, Token};
use crate::protocol::reply::Reply;

/// The entry of a token, and how that stands.
pub struct Leased<'a> {
    token: &'a Token,
    pub place: Place<'a>,
    pub standing: Standing,
    now: Instant,
}

impl Call<'_> {
    /// What a token leads to; refused on a replica.
    pub fn leased<'t>(&self, namespace: NamespaceName<'t>, token: &'t Token) -> Result<Leased<'t>, Refusal> {
        if self.context.is_replica() {
            return Err(read_only());
        }
        let place = Place { database: self.context.database(), address: token.address(namespace)? };
        let standing = with_leases(|leases| leases.standing(&place, token, self.now));
        Ok(Leased { token, place, standing, now: self.now })
    }
}

impl Leased<'_> {
    /// The reply where the token is good for nothing here: OK where the cache is bypassed, FENCED where it was overtaken, as
    /// far as is known before there is a result. A lease that it had is over then.
    pub fn reply_of_no_use(&self, found: &Found<'_>) -> Option<Reply<'static>> {
        let reply = if self.token.kind == Kind::Bypass || found.bypassed {
            Reply::OK
        } else if self.is_overtaken(found) {
            found.row().count(Counter::Fenced);
            Reply::FENCED
        } else {
            return None;
        };
        self.end_if_held();
        Some(reply)
    }

    fn is_overtaken(&self, found: &Found<'_>) -> bool {
        let mut block = Vec::new();
        let tags = drawn(&[], &Source::Bound(&self.token.tags), b"").unwrap_or_default();
        let tags: Vec<&[u8]> = tags.iter().map(Vec::as_slice).collect();
        found.ground().has_overtaken_token(self.token, self.standing, Tags::from_list(&tags, &mut block))
    }

    /// The lease is lost: where the token had it, whoever waits is next.
    pub fn end_if_held(&self) {
        if matches!(self.standing, Standing::Held | Standing::Lapsed) {
            waiting::end(&self.place, self.token, self.now);
        }
    }
}
