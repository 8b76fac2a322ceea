//! `CACHE.INVALIDATE`: many entries at once. A file for each subcommand.

pub mod namespace;
pub mod operation;
pub mod plan;
pub mod tag;

/// The container of all of them.
pub const CONTAINER: &str = "CACHE.INVALIDATE";

/// What all of them but PLAN answer.
const NEW_CLOCK: &str = "The namespace's new clock, an integer that only ever grows: for logs. SINCE takes the stamp of \
                         CACHE.CLOCK.";

/// What is said of all that invalidate at once.
const AT_ONCE: &str = "It notes a number in the namespace, whatever the entries are: they are absent from now on, and \
                       their memory is freed in the background. Computations under way that it concerns are not stored: \
                       their FILL answers FENCED, and where the lease itself is known to be concerned the next of those who \
                       wait computes anew. The namespace is made if need be.";
