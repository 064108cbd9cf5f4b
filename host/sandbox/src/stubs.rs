//! Stubs for the parts of WASI that this host does not offer.
//!
//! Programs and toolchains name more of `wasi:` than they call. Such a component links,
//! and traps where it calls what is not there, naming it.

use troupe_core::{Code, Error};
use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, ResourceType};

use crate::context::Context;

/// The interfaces that the linker offers, without their version.
const OFFERED: [&str; 21] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// A resource of an interface that is not offered; no guest ever holds one.
pub(crate) struct Absent;

/// Defines a stub for each `wasi:` interface that `component` imports and the linker
/// does not offer.
pub(crate) fn define(linker: &mut Linker<Context>, engine: &Engine, component: &Component) -> wasmtime::Result<()> {
    let ty = component.component_type();
    // An interface names the resources of others that it uses; those are not its own,
    // and stand in the imports before it.
    let mut known: Vec<ResourceType> = Vec::new();
    for (name, item) in ty.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = &item.ty else { continue };
        let interface = name.split('@').next().unwrap_or(name);
        if name.starts_with("wasi:") && !OFFERED.contains(&interface) {
            stub(linker, engine, name, instance, &known)?;
        }
        known.extend(instance.exports(engine).filter_map(|(_, item)| match item.ty {
            ComponentItem::Resource(resource) => Some(resource),
            _ => None,
        }));
    }
    Ok(())
}

fn stub(
    linker: &mut Linker<Context>,
    engine: &Engine,
    name: &str,
    instance: &ComponentInstance,
    known: &[ResourceType],
) -> wasmtime::Result<()> {
    let mut defined = linker.instance(name)?;
    for (item_name, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                let full = format!("{name}#{item_name}");
                defined.func_new(item_name, move |_, _, _, _| Err(wasmtime::Error::new(absent(&full))))?;
            }
            ComponentItem::Resource(resource) if !known.contains(&resource) => {
                defined.resource(item_name, ResourceType::host::<Absent>(), |_, _| Ok(()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn absent(function: &str) -> Error {
    Error::new(Code::GuestTrap, format!("the agent called `{function}`, which this host does not offer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every interface of WASI 0.2, and something that it has.
    const WASI: [(&str, &str); 32] = [
        ("wasi:cli/environment", "get-environment"),
        ("wasi:cli/exit", "exit"),
        ("wasi:cli/run", "run"),
        ("wasi:cli/stderr", "get-stderr"),
        ("wasi:cli/stdin", "get-stdin"),
        ("wasi:cli/stdout", "get-stdout"),
        ("wasi:cli/terminal-input", "terminal-input"),
        ("wasi:cli/terminal-output", "terminal-output"),
        ("wasi:cli/terminal-stderr", "get-terminal-stderr"),
        ("wasi:cli/terminal-stdin", "get-terminal-stdin"),
        ("wasi:cli/terminal-stdout", "get-terminal-stdout"),
        ("wasi:clocks/monotonic-clock", "now"),
        ("wasi:clocks/timezone", "display"),
        ("wasi:clocks/wall-clock", "now"),
        ("wasi:filesystem/preopens", "get-directories"),
        ("wasi:filesystem/types", "descriptor"),
        ("wasi:http/incoming-handler", "handle"),
        ("wasi:http/outgoing-handler", "handle"),
        ("wasi:http/types", "fields"),
        ("wasi:io/error", "error"),
        ("wasi:io/poll", "poll"),
        ("wasi:io/streams", "input-stream"),
        ("wasi:random/insecure", "get-insecure-random-u64"),
        ("wasi:random/insecure-seed", "insecure-seed"),
        ("wasi:random/random", "get-random-u64"),
        ("wasi:sockets/instance-network", "instance-network"),
        ("wasi:sockets/ip-name-lookup", "resolve-addresses"),
        ("wasi:sockets/network", "network"),
        ("wasi:sockets/tcp", "tcp-socket"),
        ("wasi:sockets/tcp-create-socket", "create-tcp-socket"),
        ("wasi:sockets/udp", "udp-socket"),
        ("wasi:sockets/udp-create-socket", "create-udp-socket"),
    ];

    #[test]
    fn what_is_offered_is_what_the_linker_has() {
        let engine = crate::engine::engine(1).unwrap();
        let linker = crate::linker::linker(&engine).unwrap();
        let linked = |(interface, item): &&(&str, &str)| {
            // Of another type than what is there, if it is there.
            let text = format!(r#"(component (import "{interface}@0.2.0" (instance (export "{item}" (func)))))"#);
            let component = Component::new(&engine, text).unwrap();
            linker
                .instantiate_pre(&component)
                .map_or_else(|error| !format!("{error:#}").contains("is missing"), |_| true)
        };
        let found: Vec<_> = WASI.iter().filter(linked).map(|(interface, _)| *interface).collect();
        assert_eq!(found, OFFERED);
    }
}
