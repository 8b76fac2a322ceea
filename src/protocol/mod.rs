//! The words of the contract: the command table, the parsers, replies as values.
