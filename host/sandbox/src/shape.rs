//! What a component may consist of, looked at before it is compiled.
//!
//! The attack: a component of a few kilobytes that declares what no machine has: four
//! gigabytes of memory, a table of 2^64 elements, ten thousand instances, a hundred thousand
//! imports, a name of a megabyte. To validate, compile or start it takes what others need,
//! and engines have panicked over less. The rule: its sections are walked first, in one pass
//! that trusts no number it reads and keeps nothing, and what passes a limit is refused with
//! [`Code::ArtifactLimits`]. The default: what cannot be read is left to the engine, which
//! says what is wrong with it. What a component adds up to once nested ones are put together
//! only the engine knows: it is held to the same limits where it compiles (`component.rs`).

use troupe_core::{Code, Error, Result, limits};
use wasmparser::{ComponentType, Imports, Instance, Parser, Payload};

/// What the reader says of a name that it takes for no name at all.
const TOO_LONG: &str = "string size out of bounds";

/// Checks the shape of a component.
///
/// # Errors
/// [`Code::ArtifactLimits`] naming the limit that is passed.
pub(crate) fn check(wasm: &[u8]) -> Result<()> {
    let mut shape = Shape::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let walked = payload.map_err(Stop::Unread).and_then(|payload| shape.add(&payload));
        match walked {
            Ok(()) => {}
            Err(Stop::Refused(error)) => return Err(error),
            Err(Stop::Unread(error)) if error.message() == TOO_LONG => return Err(name_too_long()),
            Err(Stop::Unread(_)) => return Ok(()),
        }
    }
    Ok(())
}

/// Why the walk ends early.
enum Stop {
    Refused(Error),
    Unread(wasmparser::Error),
}

impl From<wasmparser::Error> for Stop {
    fn from(error: wasmparser::Error) -> Self {
        Self::Unread(error)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Shape {
    /// How many modules and components the walk is in.
    depth: usize,
    /// Imports and exports of the component itself.
    names: u64,
    /// Every import, export and declaration, however deep.
    all_names: u64,
    instances: u64,
    memories: u64,
    tables: u64,
}

impl Shape {
    fn add(&mut self, payload: &Payload<'_>) -> Result<(), Stop> {
        match payload {
            Payload::Version { .. } => self.depth += 1,
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::ComponentImportSection(section) => {
                self.named(section.count())?;
                for import in section.clone() {
                    name(import?.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                self.named(section.count())?;
                for export in section.clone() {
                    name(export?.name.name)?;
                }
            }
            Payload::ComponentTypeSection(section) => {
                for declared in section.clone() {
                    let declared = match declared? {
                        ComponentType::Component(declarations) => declarations.len(),
                        ComponentType::Instance(declarations) => declarations.len(),
                        _ => 0,
                    };
                    self.also_named(declared as u64)?;
                }
            }
            Payload::ImportSection(section) => {
                self.also_named(u64::from(section.count()))?;
                for imports in section.clone() {
                    self.imports(imports?)?;
                }
            }
            Payload::ExportSection(section) => {
                self.also_named(u64::from(section.count()))?;
                for export in section.clone() {
                    name(export?.name)?;
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    self.instances += u64::from(matches!(instance?, Instance::Instantiate { .. }));
                }
                within("core instances", self.instances, u64::from(limits::COMPONENT_CORE_INSTANCES_MAX))?;
            }
            Payload::MemorySection(section) => {
                self.memories += u64::from(section.count());
                within("memories", self.memories, u64::from(limits::COMPONENT_MEMORIES_MAX))?;
                for memory in section.clone() {
                    let memory = memory?;
                    let page_bytes = 1_u64.checked_shl(memory.page_size_log2()).unwrap_or(u64::MAX);
                    let bytes = memory.initial.saturating_mul(page_bytes);
                    within("bytes of initial memory", bytes, limits::GUEST_MEMORY_BYTES_MAX as u64)?;
                }
            }
            Payload::TableSection(section) => {
                self.tables += u64::from(section.count());
                within("tables", self.tables, u64::from(limits::COMPONENT_TABLES_MAX))?;
                for table in section.clone() {
                    let elements = table?.ty.initial;
                    within("initial table elements", elements, limits::GUEST_TABLE_ELEMENTS_MAX as u64)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Counts imports or exports of a component.
    fn named(&mut self, count: u32) -> Result<(), Stop> {
        if self.depth <= 1 {
            self.names += u64::from(count);
            within("imports and exports", self.names, limits::COMPONENT_NAMES_MAX as u64)?;
        }
        self.also_named(u64::from(count))
    }

    /// Counts imports, exports or declarations of anything in the component.
    fn also_named(&mut self, count: u64) -> Result<(), Stop> {
        self.all_names += count;
        let most = limits::COMPONENT_NAMES_IN_ALL_MAX as u64;
        within("imports and exports in all its modules, components and types", self.all_names, most)
    }

    /// Imports of a module; some forms hold several behind one name.
    fn imports(&mut self, imports: Imports<'_>) -> Result<(), Stop> {
        match imports {
            Imports::Single(_, import) => {
                name(import.module)?;
                name(import.name)
            }
            Imports::Compact1 { module, items } => {
                name(module)?;
                self.also_named(u64::from(items.count()))?;
                items.into_iter().try_for_each(|item| name(item?.name))
            }
            Imports::Compact2 { module, names, .. } => {
                name(module)?;
                self.also_named(u64::from(names.count()))?;
                names.into_iter().try_for_each(|item| name(item?))
            }
        }
    }
}

fn name(name: &str) -> Result<(), Stop> {
    if name.len() > limits::COMPONENT_NAME_BYTES_MAX {
        return Err(Stop::Refused(name_too_long()));
    }
    Ok(())
}

fn name_too_long() -> Error {
    let most = limits::bytes(limits::COMPONENT_NAME_BYTES_MAX as u64);
    Error::new(Code::ArtifactLimits, format!("the component has a name longer than {most}, the host's limit"))
}

fn within(what: &str, found: u64, most: u64) -> Result<(), Stop> {
    if found > most { Err(Stop::Refused(too_much(what, found, most))) } else { Ok(()) }
}

/// Says which limit a component passes.
pub(crate) fn too_much(what: &str, found: u64, most: u64) -> Error {
    Error::new(Code::ArtifactLimits, format!("the component has {found} {what}; the host gives at most {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(wasm: &[u8]) -> Option<String> {
        check(wasm).err().map(|error| error.message)
    }

    #[test]
    fn what_is_cut_short_or_no_component_is_left_to_the_engine() {
        for wasm in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0\x0a", b"(component)", &[0xFF; 64]] {
            assert_eq!(refusal(wasm), None, "{wasm:?}");
        }
    }

    #[test]
    fn a_number_is_refused_before_what_it_counts_is_looked_for() {
        // An import section that says that it holds 4,294,967,295 imports, and none of them.
        let wasm = b"\0asm\x0d\0\x01\0\x0a\x05\xFF\xFF\xFF\xFF\x0F";
        assert_eq!(
            refusal(wasm).as_deref(),
            Some("the component has 4294967295 imports and exports; the host gives at most 1000")
        );
    }
}
