//! The command table as the server wants it: commands, flags, key specs, documentation, ACL categories.

use std::ffi::{CStr, CString};
use std::ptr;

use libc::c_int;
use redis_module::raw;

use super::api::context::Context;
use super::api::{NEWER, api};
use super::commands::{Callback, handlers};
use crate::protocol::commands::CONTAINERS;
use crate::protocol::table::{Argument, Command, KeyUse, Kind};

/// Registers every command.
pub fn register(context: Context<'_>) -> Result<(), String> {
    for (container, _) in CONTAINERS {
        create_container(context, container)?;
    }
    for (command, callback) in handlers() {
        create(context, &command, callback)?;
        describe(context, &command)?;
        categorise(context, &command)?;
    }
    for (container, summary) in CONTAINERS {
        describe_container(context, container, summary)?;
    }
    Ok(())
}

fn c_string(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| format!("{text:?} holds a NUL"))
}

fn create_container(context: Context<'_>, name: &str) -> Result<(), String> {
    let c_name = c_string(&name.to_lowercase())?;
    // SAFETY: the server copies the name. A container has no handler of its own.
    let status = unsafe {
        api!(RedisModule_CreateCommand(context.as_ptr(), c_name.as_ptr(), None, c"".as_ptr(), 0, 0, 0))
    };
    context.accepted(status, name)
}

fn create(context: Context<'_>, command: &Command, callback: Callback) -> Result<(), String> {
    let may_have_no_key =
        command.arguments.first().is_some_and(|first| first.kind == Kind::Namespace && first.optional);
    let flags = command.flags.iter().map(|flag| flag.word());
    let flags: Vec<&str> = flags.chain(may_have_no_key.then_some("no-mandatory-keys")).collect();
    let flags = c_string(&flags.join(" "))?;
    let name = c_string(&command.name.to_lowercase())?;
    let key = match command.key {
        Some(_) => c_int::try_from(command.name_words()).unwrap_or(0),
        None => 0,
    };
    let step = c_int::from(key > 0);
    let context_ptr = context.as_ptr();
    // SAFETY: the server copies the strings; the callback is good for ever.
    let status = unsafe {
        match command.container {
            Some(container) => {
                let parent = find(context, container)?;
                api!(RedisModule_CreateSubcommand(
                    parent,
                    name.as_ptr(),
                    Some(callback),
                    flags.as_ptr(),
                    key,
                    key,
                    step
                ))
            }
            None => api!(RedisModule_CreateCommand(
                context_ptr,
                name.as_ptr(),
                Some(callback),
                flags.as_ptr(),
                key,
                key,
                step
            )),
        }
    };
    context.accepted(status, &command.full_name())
}

/// The server's handle of a command: `cache.result`, `cache.result|get`.
fn find(context: Context<'_>, name: &str) -> Result<*mut raw::RedisModuleCommand, String> {
    let c_name = c_string(&name.to_lowercase().replace(' ', "|"))?;
    // SAFETY: the server only reads the name.
    let found = unsafe { api!(RedisModule_GetCommand(context.as_ptr(), c_name.as_ptr())) };
    if found.is_null() { Err(format!("the server does not find {name}")) } else { Ok(found) }
}

/// Categories where the server has them for modules (7.2); before, commands are named one by one in ACLs.
fn categorise(context: Context<'_>, command: &Command) -> Result<(), String> {
    let Some(set_categories) = NEWER.set_command_acl_categories else { return Ok(()) };
    let categories = c_string(&command.categories().join(" "))?;
    let handle = find(context, &command.full_name())?;
    // SAFETY: the function takes a handle of the server's and a string that it reads.
    context.accepted(unsafe { set_categories(handle, categories.as_ptr()) }, "ACL categories")
}

fn describe_container(context: Context<'_>, name: &str, summary: &str) -> Result<(), String> {
    let handle = find(context, name)?;
    let summary = c_string(summary)?;
    set_info(
        context,
        handle,
        &raw::RedisModuleCommandInfo { summary: summary.as_ptr(), arity: -2, ..no_info() },
    )
}

fn describe(context: Context<'_>, command: &Command) -> Result<(), String> {
    let mut texts = Texts(Vec::new());
    let mut arguments = arguments(command.arguments, &mut texts)?;
    let mut key_specs = key_specs(command);
    let info = raw::RedisModuleCommandInfo {
        summary: texts.keep(command.summary)?,
        complexity: texts.keep(command.complexity)?,
        since: texts.keep(command.since)?,
        tips: if command.tips.is_empty() { ptr::null() } else { texts.keep(&command.tips.join(" "))? },
        arity: command.arity(),
        key_specs: key_specs.as_mut_ptr(),
        args: arguments.list.as_mut_ptr(),
        ..no_info()
    };
    set_info(context, find(context, &command.full_name())?, &info)
}

fn set_info(
    context: Context<'_>,
    handle: *mut raw::RedisModuleCommand,
    info: &raw::RedisModuleCommandInfo,
) -> Result<(), String> {
    // SAFETY: the server copies what the structure points to.
    context.accepted(unsafe { api!(RedisModule_SetCommandInfo(handle, info)) }, "a command's documentation")
}

/// The layout of the structures below, by which a server knows which of their fields are there.
static INFO_VERSION: raw::RedisModuleCommandInfoVersion = raw::RedisModuleCommandInfoVersion {
    version: 1,
    sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
    sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
    sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
};

fn no_info() -> raw::RedisModuleCommandInfo {
    raw::RedisModuleCommandInfo {
        version: &raw const INFO_VERSION,
        summary: ptr::null(),
        complexity: ptr::null(),
        since: ptr::null(),
        history: ptr::null_mut(),
        tips: ptr::null(),
        arity: 0,
        key_specs: ptr::null_mut(),
        args: ptr::null_mut(),
    }
}

/// The one key, and an empty specification that ends the list.
fn key_specs(command: &Command) -> Vec<raw::RedisModuleCommandKeySpec> {
    // SAFETY: all-zero is the server's own notation for "absent" in each of its fields.
    let end: raw::RedisModuleCommandKeySpec = unsafe { std::mem::zeroed() };
    let Some(key) = command.key else { return vec![end] };
    let flags = match key {
        KeyUse::Access => raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS,
        KeyUse::Update => raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE,
        KeyUse::AccessUpdate => {
            raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_ACCESS | raw::REDISMODULE_CMD_KEY_UPDATE
        }
    };
    let mut spec = raw::RedisModuleCommandKeySpec {
        flags: u64::from(flags),
        begin_search_type: raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX,
        find_keys_type: raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE,
        ..end
    };
    spec.bs.index.pos = c_int::try_from(command.name_words()).unwrap_or(0);
    spec.fk.range =
        raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 { lastkey: 0, keystep: 1, limit: 0 };
    vec![spec, end]
}

/// C strings that live until the server has copied them.
struct Texts(Vec<CString>);

impl Texts {
    fn keep(&mut self, text: &str) -> Result<*const libc::c_char, String> {
        let text = c_string(text)?;
        let pointer = CStr::as_ptr(&text);
        self.0.push(text);
        Ok(pointer)
    }
}

/// A list of arguments as the server wants it, with the lists that it points to.
struct Arguments {
    list: Vec<raw::RedisModuleCommandArg>,
    nested: Vec<Arguments>,
}

fn arguments(table: &[Argument], texts: &mut Texts) -> Result<Arguments, String> {
    let mut arguments = Arguments { list: Vec::new(), nested: Vec::new() };
    for argument in table {
        let mut nested = match argument.kind {
            Kind::OneOf(alternatives) => Some(self::arguments(alternatives, texts)?),
            Kind::Counted { word } => Some(self::arguments(&counted(word), texts)?),
            Kind::Repeated(names) => Some(self::arguments(&repeated(names), texts)?),
            _ => None,
        };
        arguments.list.push(raw::RedisModuleCommandArg {
            name: texts.keep(argument.name)?,
            type_: argument_type(argument),
            key_spec_index: if argument.kind == Kind::Namespace { 0 } else { -1 },
            token: argument.token.map_or(Ok(ptr::null()), |token| texts.keep(token))?,
            summary: texts.keep(argument.summary)?,
            flags: argument_flags(argument),
            subargs: nested.as_mut().map_or(ptr::null_mut(), |nested| nested.list.as_mut_ptr()),
            ..no_argument()
        });
        arguments.nested.extend(nested);
    }
    arguments.list.push(no_argument());
    Ok(arguments)
}

/// `n word [word ...]`
fn counted(word: &'static str) -> [Argument; 2] {
    let number = Argument {
        name: "n",
        kind: Kind::Integer { min: 1, max: u64::MAX, unit: "words" },
        token: None,
        optional: false,
        summary: "how many follow",
    };
    [number, Argument { name: word, kind: Kind::Many, summary: "each of them", ..number }]
}

/// The words of each repetition.
fn repeated(names: &[&'static str]) -> Vec<Argument> {
    let word = |&name| Argument { name, kind: Kind::Text, token: None, optional: false, summary: "" };
    names.iter().map(word).collect()
}

fn no_argument() -> raw::RedisModuleCommandArg {
    // SAFETY: all-zero is the server's own notation for "absent" in each of its fields.
    unsafe { std::mem::zeroed() }
}

fn argument_flags(argument: &Argument) -> c_int {
    let flag = |applies, flag: u32| if applies { flag.cast_signed() } else { 0 };
    flag(argument.optional, raw::REDISMODULE_CMD_ARG_OPTIONAL)
        | flag(matches!(argument.kind, Kind::Many | Kind::Repeated(_)), raw::REDISMODULE_CMD_ARG_MULTIPLE)
        | flag(
            matches!(argument.kind, Kind::Repeated(_)) && argument.optional,
            raw::REDISMODULE_CMD_ARG_MULTIPLE_TOKEN,
        )
}

fn argument_type(argument: &Argument) -> raw::RedisModuleCommandArgType {
    match argument.kind {
        Kind::Namespace => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY,
        Kind::Integer { unit, .. } if unit.starts_with("Unix") => {
            raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_UNIX_TIME
        }
        Kind::Integer { .. } => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
        Kind::Flag => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN,
        Kind::OneOf(_) => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF,
        Kind::Counted { .. } | Kind::Repeated(_) => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK,
        Kind::Bytes | Kind::Text | Kind::Many => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
    }
}
