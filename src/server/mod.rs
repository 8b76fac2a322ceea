//! The only code that knows Redis: what it calls, and what calls it.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`load`] | `RedisModule_OnLoad`: what is registered, in order |
//! | [`commands`] | the handlers: parse, look, decide, apply, reply |
//! | [`keyspace`] | opening namespaces and entries, and carrying out effects |
//! | [`entry_type`], [`namespace_type`] | the two data types and their callbacks |
//! | [`stored_entry`] | an entry in memory |
//! | [`compression`] | results made smaller, and opened again; the thread that does the long ones |
//! | [`near`] | what was served lately, found without opening its key |
//! | [`registration`] | the command table as the server wants it |
//! | [`info`] | the section `cache` of INFO |
//! | [`config`], [`events`], [`runtime`] | configuration, what the server tells us, the state of this process |
//! | [`plans`] | plans, and what their jobs lead to |
//! | [`rules`] | the rules in files |
//! | [`budget`] | keeps namespaces within their budgets, records what goes |
//! | [`sweep`] | frees what was invalidated |
//! | [`waiting`] | leases, clients that wait, and who wakes them |
//! | [`roster`] | keeps core from evicting namespaces |
//! | [`api`] | thin, safe wrappers over the module API |
//! | [`allocator`], [`guard`] | memory from the server's allocator, panics stopped at callbacks |
//!
//! Every `unsafe` of the crate is below this module. Two rules hold throughout: a callback catches its
//! panics ([`guard`]), and no borrow of ours is held across a call that may call us back.

mod allocator;
mod api;
mod budget;
mod commands;
mod compression;
mod config;
mod counting;
mod entry_type;
mod events;
mod guard;
mod info;
mod keyspace;
mod load;
mod namespace_type;
mod near;
mod plans;
mod registration;
mod roster;
mod rules;
mod runtime;
mod stored_entry;
mod sweep;
mod waiting;
