//! Whether a component is an agent: its exports hold what an agent must export, its
//! imports are within what the host offers, and its shape is within the pool's limits.

use troupe_core::{Code, Error, Result, limits};
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::shape::too_much;

/// The package of our interfaces, and the versions of it that this host offers.
const PACKAGE: &str = "troupe:agent/";
const VERSION: &str = "0.1.0";
const IMPORTS: [&str; 13] = [
    "types",
    "invocation",
    "log",
    "progress",
    "secrets",
    "state",
    "instance-state",
    "files",
    "locks",
    "agents",
    "approvals",
    "events",
    "artifacts",
];
const EXPORT: &str = "skills";
/// What it may export besides.
const LIFECYCLE: &str = "lifecycle";
const CONVERSATION: &str = "conversation";

/// What a component is, besides an agent.
pub(crate) struct World {
    /// Whether it exports `lifecycle`.
    pub(crate) migrates: bool,
    /// Whether it exports `conversation`.
    pub(crate) converses: bool,
}

/// Checks the component's world.
///
/// # Errors
/// [`Code::ArtifactWorld`] naming the first import or export that does not fit,
/// [`Code::ArtifactWorldVersion`] if it is of another version of the contract,
/// [`Code::ArtifactLimits`] naming the limit of the shape that is passed.
pub(crate) fn check(engine: &Engine, component: &Component) -> Result<World> {
    let ty = component.component_type();
    let names = ty.imports(engine).len() + ty.exports(engine).len();
    if names > limits::COMPONENT_NAMES_MAX {
        return Err(too_much("imports and exports", names as u64, limits::COMPONENT_NAMES_MAX as u64));
    }
    for (name, item) in ty.imports(engine) {
        if let ComponentItem::ComponentInstance(instance) = &item.ty {
            let inner = instance.exports(engine).len();
            if inner > limits::COMPONENT_NAMES_MAX {
                return Err(too_much("items in one import", inner as u64, limits::COMPONENT_NAMES_MAX as u64));
            }
            if name.starts_with("wasi:") {
                continue;
            }
        }
        check_import(name)?;
    }
    if !exports(engine, component, EXPORT)? {
        let wanted = format!("{PACKAGE}{EXPORT}@{VERSION}");
        return Err(Error::new(
            Code::ArtifactWorld,
            format!(
                "the component does not export `{wanted}`, so it is not an agent; build it against the world `troupe:agent/agent`"
            ),
        ));
    }
    let migrates = exports(engine, component, LIFECYCLE)?;
    let converses = exports(engine, component, CONVERSATION)?;
    check_shape(component)?;
    Ok(World { migrates, converses })
}

/// Whether a component exports one of our interfaces.
///
/// # Errors
/// [`Code::ArtifactWorldVersion`] if it does in another version alone.
fn exports(engine: &Engine, component: &Component, interface: &str) -> Result<bool> {
    let ty = component.component_type();
    if ty.get_export(engine, &format!("{PACKAGE}{interface}@{VERSION}")).is_some() {
        return Ok(true);
    }
    let other = ty.exports(engine).find_map(|(name, _)| {
        name.strip_prefix(PACKAGE)?.strip_prefix(interface)?.strip_prefix('@').map(str::to_owned)
    });
    other.map_or(Ok(false), |found| Err(another_version(&format!("exports `{PACKAGE}{interface}`"), &found)))
}

fn check_import(name: &str) -> Result<()> {
    let Some((interface, version)) = name.strip_prefix(PACKAGE).and_then(|rest| rest.split_once('@')) else {
        return Err(Error::new(
            Code::ArtifactWorld,
            format!("the component imports `{}`, which this host does not offer", printable(name)),
        ));
    };
    if version != VERSION {
        return Err(another_version(&format!("imports `{PACKAGE}{}`", printable(interface)), version));
    }
    if !IMPORTS.contains(&interface) {
        return Err(Error::new(
            Code::ArtifactWorld,
            format!("the component imports `{}`, which this host does not offer", printable(name)),
        ));
    }
    Ok(())
}

fn another_version(what: &str, found: &str) -> Error {
    Error::new(
        Code::ArtifactWorldVersion,
        format!("the component {what} in version {}; this host offers {VERSION}", printable(found)),
    )
}

fn check_shape(component: &Component) -> Result<()> {
    // A component that exports components of its own cannot be sized and is no agent.
    let Some(required) = component.resources_required() else {
        return Err(Error::new(Code::ArtifactLimits, "the component imports or exports core modules or components"));
    };
    let page = 64 * 1024;
    for (what, found, maximum) in [
        ("memories", u64::from(required.num_memories), u64::from(limits::COMPONENT_MEMORIES_MAX)),
        ("tables", u64::from(required.num_tables), u64::from(limits::COMPONENT_TABLES_MAX)),
        (
            "bytes of initial memory",
            required.max_initial_memory_size.unwrap_or(0).saturating_mul(page),
            limits::GUEST_MEMORY_BYTES_MAX as u64,
        ),
        (
            "initial table elements",
            required.max_initial_table_size.unwrap_or(0),
            limits::GUEST_TABLE_ELEMENTS_MAX as u64,
        ),
    ] {
        if found > maximum {
            return Err(too_much(what, found, maximum));
        }
    }
    Ok(())
}

/// Names come from the component's bytes: cut and escaped before they are shown.
fn printable(name: &str) -> String {
    troupe_core::shown(name)
}
