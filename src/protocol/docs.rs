//! Pages made from the command table.
