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

use troupe_core::{Error, Result, limits};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, Strategy};

/// Bytes of each linear memory that stay resident between invocations. Agents touch a
/// few hundred kilobytes; zeroing those is cheaper than unmapping and faulting them in.
const MEMORY_RESIDENT_BYTES: usize = 256 * 1024;
/// The same for tables.
const TABLE_RESIDENT_BYTES: usize = 64 * 1024;
/// The same for fibre stacks.
const STACK_RESIDENT_BYTES: usize = 32 * 1024;

/// Virtual address space that the pool needs: every memory reserves 4 GiB and a guard.
const POOL_ADDRESS_SPACE_BITS: u32 = 42;

/// Makes the engine.
///
/// # Errors
/// [`troupe_core::Code::Internal`] if this machine cannot run it.
pub(crate) fn engine() -> Result<Engine> {
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
    if address_space_is_large() {
        config.allocation_strategy(pool());
    }
    Engine::new(&config).map_err(Error::internal)
}

fn pool() -> PoolingAllocationConfig {
    let instances = u32::try_from(limits::INVOCATIONS_MAX + limits::DESCRIPTIONS_MAX).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * 16)
        .total_memories(instances * 2)
        .total_tables(instances * 4)
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
        .decommit_batch_size(16);
    pool
}

/// Whether the pool fits. Containers may bound the address space; there, memory is
/// mapped on demand, which is slower and otherwise the same.
fn address_space_is_large() -> bool {
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current;
    limit.is_none_or(|bytes| bytes >= 1 << POOL_ADDRESS_SPACE_BITS)
}
