//! The engine, made in exactly one place, so that what compiles, what is cached and
//! what runs always agree.
//!
//! | choice | why |
//! |---|---|
//! | Cranelift | the other compiler had four of the twelve advisories of April 2026 |
//! | no component-model async, threads, 64-bit memory, GC, exceptions | each is code that a guest could reach and no agent needs |
//! | NaN canonical, relaxed SIMD off | the same inputs give the same bits on every machine, so that an invocation can be replayed |
//! | epochs, not fuel | a tenth of the cost; deadlines are met to within one tick |
//! | pooling allocator with resident pages | a fresh instance costs microseconds, because its pages are zeroed rather than unmapped |
//! | the pool holds as many instances as may run, each at its largest | whoever got a place to run in is never refused an instance because of others |
//!
//! The pool reserves address space, not memory: 4 GiB for each of the memories that a
//! component may have, which makes 8 TiB for a whole host. Where that much cannot be had,
//! as in containers that bound it, instances are mapped on demand, which is slower.

use troupe_core::{Error, Result, limits};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, Strategy};

/// Bytes of each linear memory that stay resident between invocations. Agents touch a
/// few hundred kilobytes; zeroing those is cheaper than unmapping and faulting them in.
const MEMORY_RESIDENT_BYTES: usize = 256 * 1024;
/// The same for tables.
const TABLE_RESIDENT_BYTES: usize = 64 * 1024;
/// The same for fibre stacks.
const STACK_RESIDENT_BYTES: usize = 32 * 1024;

/// Makes the engine, for `instances` at once.
///
/// # Errors
/// [`troupe_core::Code::Internal`] if this machine cannot run it.
pub(crate) fn engine(instances: usize) -> Result<Engine> {
    let mut pooled = config();
    pooled.allocation_strategy(pool(u32::try_from(instances).unwrap_or(u32::MAX)));
    Engine::new(&pooled)
        .or_else(|error| {
            tracing::warn!(
                cause = format!("{error:#}"),
                "there is no room for a pool of {instances} instances; agents start slower"
            );
            Engine::new(&config())
        })
        .map_err(Error::internal)
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .wasm_component_model(true)
        .concurrency_support(false)
        .gc_support(false)
        .wasm_exceptions(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_threads(false)
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(limits::GUEST_STACK_BYTES_MAX)
        .async_stack_size(limits::FIBRE_STACK_BYTES)
        .async_stack_zeroing(true);
    config
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(limits::COMPONENT_CORE_INSTANCES_MAX))
        .total_memories(instances.saturating_mul(limits::COMPONENT_MEMORIES_MAX))
        .total_tables(instances.saturating_mul(limits::COMPONENT_TABLES_MAX))
        .total_stacks(instances)
        .max_core_instances_per_component(limits::COMPONENT_CORE_INSTANCES_MAX)
        .max_memories_per_component(limits::COMPONENT_MEMORIES_MAX)
        .max_tables_per_component(limits::COMPONENT_TABLES_MAX)
        .max_tables_per_module(8)
        .max_component_instance_size(4 << 20)
        .max_memory_size(limits::GUEST_MEMORY_BYTES_MAX)
        .table_elements(limits::GUEST_TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(MEMORY_RESIDENT_BYTES)
        .table_keep_resident(TABLE_RESIDENT_BYTES)
        .async_stack_keep_resident(STACK_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(64)
        // What a guest took beyond what stays resident is given back when it ends. In a batch it
        // would wait for others that end as large, on the same thread, which may never come.
        .decommit_batch_size(1);
    pool
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    use wasmtime::Store;
    use wasmtime::component::{Component, Linker};

    use super::*;

    #[test]
    fn every_place_is_there_for_the_largest_component() {
        // All memories and tables in the first modules, then instances up to the most.
        let memories = "(core module $m (memory 1)) ".to_owned()
            + &"(core instance (instantiate $m)) ".repeat(limits::COMPONENT_MEMORIES_MAX as usize);
        let tables = "(core module $t (table 1 funcref)) ".to_owned()
            + &"(core instance (instantiate $t)) ".repeat(limits::COMPONENT_TABLES_MAX as usize);
        let rest = limits::COMPONENT_CORE_INSTANCES_MAX - limits::COMPONENT_MEMORIES_MAX - limits::COMPONENT_TABLES_MAX;
        let empty = "(core module $e) ".to_owned() + &"(core instance (instantiate $e)) ".repeat(rest as usize);
        let engine = engine(3).unwrap();
        let component = Component::new(&engine, format!("(component {memories} {tables} {empty})")).unwrap();
        let linker = Linker::new(&engine);
        let start = || {
            let mut store = Store::new(&engine, ());
            store.set_epoch_deadline(1);
            linker.instantiate(&mut store, &component).map(|_| store)
        };
        let started: Vec<_> = (0..3).map(|_| start().unwrap()).collect();
        assert!(start().unwrap_err().is::<wasmtime::PoolConcurrencyLimitError>());
        drop(started);
        start().unwrap();
    }

    #[test]
    fn without_room_for_a_pool_the_same_code_runs_on_demand() {
        let hash = |engine: &Engine| {
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        let (pooled, on_demand) = (engine(1).unwrap(), engine(1 << 20).unwrap());
        assert_eq!(hash(&pooled), hash(&on_demand));
        assert!(pooled.pooling_allocator_metrics().is_some());
        assert!(on_demand.pooling_allocator_metrics().is_none());
    }
}
