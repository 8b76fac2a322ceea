//! The fields of a rule: what each is called, takes, and is where no rule says it.

/// A field of a rule. Their order is that in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    Ttl,
    Grace,
    Negative,
    Jitter,
    Lease,
    Retry,
    Refresh,
    TtlFrom,
    ExpiresFrom,
    Tags,
    Ignore,
    Hash,
    Compress,
    MaxBytes,
    MaxWeight,
    Evict,
    Removals,
    Target,
    Bypass,
}

/// What there is to know of a field.
struct Row {
    name: &'static str,
    default: Option<&'static str>,
    summary: &'static str,
    /// What values it takes: follows "it takes".
    accepted: &'static str,
}

const A_DURATION: &str = "a duration such as 250ms, 30s, 5m, 2h or 7d, or 0, of at most 36500d";
const A_LENGTH_OF_TIME: &str = "a duration such as 250ms, 30s, 5m, 2h or 7d, from 1ms to 36500d";
const A_PERCENTAGE: &str = "a whole number from 0 to 100";
const A_BUDGET: &str = "a size such as 500mb or 50gb, or a number of bytes, from 1 to 2^53-1";

impl Field {
    pub const ALL: [Field; 19] = [
        Field::Ttl,
        Field::Grace,
        Field::Negative,
        Field::Jitter,
        Field::Lease,
        Field::Retry,
        Field::Refresh,
        Field::TtlFrom,
        Field::ExpiresFrom,
        Field::Tags,
        Field::Ignore,
        Field::Hash,
        Field::Compress,
        Field::MaxBytes,
        Field::MaxWeight,
        Field::Evict,
        Field::Removals,
        Field::Target,
        Field::Bypass,
    ];

    /// Reads a field's name, in upper or lower case; none where no field is called so.
    pub fn parse(name: &[u8]) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The name, in upper case.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The value where no rule says another, as it is shown; none where then there is nothing.
    pub fn default_text(self) -> Option<&'static str> {
        self.row().default
    }

    /// What it is for, in half a sentence.
    pub fn summary(self) -> &'static str {
        self.row().summary
    }

    /// What values it takes: follows "it takes".
    pub fn accepted(self) -> &'static str {
        self.row().accepted
    }

    /// Whether it is about a namespace as a whole, and so belongs to rules for operation `*` only.
    pub fn is_budget(self) -> bool {
        matches!(self, Field::MaxBytes | Field::MaxWeight | Field::Evict | Field::Removals)
    }

    const fn row(self) -> Row {
        match self {
            Field::Ttl => {
                Row { name: "TTL", default: Some("1h"), summary: "fresh for", accepted: A_LENGTH_OF_TIME }
            }
            Field::Grace => Row {
                name: "GRACE",
                default: Some("0"),
                summary: "stale but servable for this long after that",
                accepted: A_DURATION,
            },
            Field::Negative => Row {
                name: "NEGATIVE",
                default: Some("0"),
                summary: "how long a failure is remembered",
                accepted: A_DURATION,
            },
            Field::Jitter => Row {
                name: "JITTER",
                default: Some("0"),
                summary: "percent by which the TTL is shortened at most, fixed for each fingerprint",
                accepted: A_PERCENTAGE,
            },
            Field::Lease => Row {
                name: "LEASE",
                default: Some("30s"),
                summary: "how long a lease lasts",
                accepted: A_LENGTH_OF_TIME,
            },
            Field::Retry => Row {
                name: "RETRY",
                default: Some("1s"),
                summary: "how long after a failed refresh the next is leased",
                accepted: A_LENGTH_OF_TIME,
            },
            Field::Refresh => Row {
                name: "REFRESH",
                default: Some("0"),
                summary: "percent of the TTL before its end from which one caller is asked to refresh",
                accepted: A_PERCENTAGE,
            },
            Field::TtlFrom => Row {
                name: "TTLFROM",
                default: None,
                summary: "the TTL as a member of the result says",
                accepted: "a JSON Pointer into the result, then 1-64 different value=duration pairs, as in \
                           \"/status in_progress=30s completed=7d\"",
            },
            Field::ExpiresFrom => Row {
                name: "EXPIRESFROM",
                default: None,
                summary: "not beyond an instant that a member of the result gives",
                accepted: "a JSON Pointer to an instant in the result and a safety margin, as in \"/expires 60s\"",
            },
            Field::Tags => Row {
                name: "TAGS",
                default: None,
                summary: "tags that every entry gets",
                accepted: "a list of 1-64 templates, as in \"video:{params/id} scene:{result/sceneId}\"",
            },
            Field::Ignore => Row {
                name: "IGNORE",
                default: None,
                summary: "members of the params that make no difference",
                accepted: "a list of 1-64 JSON Pointers, as in \"/requestId /meta/ts\"",
            },
            Field::Hash => Row {
                name: "HASH",
                default: Some("sha256"),
                summary: "what fingerprints are made with",
                accepted: "sha256 or blake3",
            },
            Field::Compress => Row {
                name: "COMPRESS",
                default: Some("off"),
                summary: "the size from which results are compressed",
                accepted: "off, or a size such as 4kb or a number of bytes, from 1 to 2^53-1",
            },
            Field::MaxBytes => Row {
                name: "MAXBYTES",
                default: None,
                summary: "budget of stored bytes of a namespace",
                accepted: A_BUDGET,
            },
            Field::MaxWeight => Row {
                name: "MAXWEIGHT",
                default: None,
                summary: "budget of what the entries of a namespace stand for elsewhere",
                accepted: A_BUDGET,
            },
            Field::Evict => Row {
                name: "EVICT",
                default: Some("lru"),
                summary: "who goes first over budget",
                accepted: "lru, fifo or largest",
            },
            Field::Removals => Row {
                name: "REMOVALS",
                default: Some("off"),
                summary: "length of the stream that records what was removed",
                accepted: "off, or a whole number of records from 1 to 2^53-1",
            },
            Field::Target => Row {
                name: "TARGET",
                default: Some("80"),
                summary: "hit rate in percent under which health is degraded",
                accepted: A_PERCENTAGE,
            },
            Field::Bypass => Row {
                name: "BYPASS",
                default: Some("no"),
                summary: "whether nothing is stored and nothing is found",
                accepted: "yes or no",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_there_once_and_in_order() {
        assert!(Field::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        for field in Field::ALL {
            assert_eq!(Field::parse(field.name().as_bytes()), Some(field));
            assert_eq!(Field::parse(field.name().to_lowercase().as_bytes()), Some(field));
        }
        for unknown in ["", "TTL ", "EXPIRY", "TTLFROMX"] {
            assert_eq!(Field::parse(unknown.as_bytes()), None, "{unknown}");
        }
    }
}
