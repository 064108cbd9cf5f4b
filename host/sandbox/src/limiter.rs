//! Memory and tables of one guest, summed over all its core instances.
//!
//! Growth past the limit is refused, not trapped: `memory.grow` answers -1 and a
//! well-written guest goes on. One that then traps is told about the memory, because
//! the refusal is remembered.

use troupe_core::limits;
use wasmtime::ResourceLimiter;

/// What one guest holds, and may hold.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    memory_bytes_peak: usize,
    table_elements: usize,
    refused: Option<Refused>,
}

/// What a guest asked for and did not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Memory,
    Table,
}

impl Limiter {
    pub(crate) const fn new(memory_bytes_max: usize) -> Self {
        Self { memory_bytes_max, memory_bytes: 0, memory_bytes_peak: 0, table_elements: 0, refused: None }
    }

    /// The most linear memory the guest has held at once, in bytes.
    pub(crate) const fn peak(&self) -> usize {
        self.memory_bytes_peak
    }

    /// Which growth was refused last.
    pub(crate) const fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// The limit on linear memory, in bytes.
    pub(crate) const fn memory_bytes_max(&self) -> usize {
        self.memory_bytes_max
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_sub(current).saturating_add(desired);
        if total > self.memory_bytes_max || maximum.is_some_and(|maximum| desired > maximum) {
            self.refused = Some(Refused::Memory);
            return Ok(false);
        }
        self.memory_bytes = total;
        self.memory_bytes_peak = self.memory_bytes_peak.max(total);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_sub(current).saturating_add(desired);
        if total > limits::GUEST_TABLE_ELEMENTS_MAX || maximum.is_some_and(|maximum| desired > maximum) {
            self.refused = Some(Refused::Table);
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_count_together() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert_eq!(limiter.refused(), Some(Refused::Memory));
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(!limiter.memory_growing(60, 61, None).unwrap());
        assert_eq!(limiter.peak(), 100);
    }

    #[test]
    fn tables_count_together() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.table_growing(0, limits::GUEST_TABLE_ELEMENTS_MAX - 1, None).unwrap());
        assert!(!limiter.table_growing(0, 2, None).unwrap());
        assert_eq!(limiter.refused(), Some(Refused::Table));
        assert!(limiter.table_growing(0, 1, None).unwrap());
    }
}
