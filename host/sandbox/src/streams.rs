//! `wasi:io/streams`, ours so that streams are metered, and so that time moves while a guest
//! reads what is too long to keep. The work is done by the stock streams.
//!
//! Their errors, `wasi:io/error`, are ours, too. The attack: the stock `to-debug-string` prints
//! an error as a program's own log would, with the host's stack where the host's environment
//! asks for stacks: where its sources lie is told, and to find that out takes the host tens of
//! megabytes and a good part of a second. The rule: a guest is told the sentence.

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};
use wasmtime_wasi_io::bindings::wasi::io::error::{self, HostError};
use wasmtime_wasi_io::bindings::wasi::io::streams::{self, Host, HostInputStream, HostOutputStream};

use crate::context::Context;

impl error::Host for Context {}

impl HostError for Context {
    fn to_debug_string(&mut self, error: Resource<wasmtime::Error>) -> Result<String> {
        self.count()?;
        Ok(format!("{:#}", self.table.get(&error)?))
    }

    fn drop(&mut self, error: Resource<wasmtime::Error>) -> Result<()> {
        HostError::drop(&mut self.table, error)
    }
}

impl Context {
    fn count_stream(&self) -> StreamResult<()> {
        self.gate.count().map(drop).map_err(|error| StreamError::Trap(wasmtime::Error::new(error)))
    }
}

impl Host for Context {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        self.table.convert_stream_error(error)
    }
}

impl HostInputStream for Context {
    fn read(&mut self, stream: Resource<DynInputStream>, length: u64) -> StreamResult<Vec<u8>> {
        self.count_stream()?;
        HostInputStream::read(&mut self.table, stream, length)
    }

    async fn blocking_read(&mut self, stream: Resource<DynInputStream>, length: u64) -> StreamResult<Vec<u8>> {
        self.count_stream()?;
        let read = HostInputStream::blocking_read(&mut self.table, stream, length).await;
        self.gate.deliver_piece();
        read
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, length: u64) -> StreamResult<u64> {
        self.count_stream()?;
        HostInputStream::skip(&mut self.table, stream, length)
    }

    async fn blocking_skip(&mut self, stream: Resource<DynInputStream>, length: u64) -> StreamResult<u64> {
        self.count_stream()?;
        let skipped = HostInputStream::blocking_skip(&mut self.table, stream, length).await;
        self.gate.deliver_piece();
        skipped
    }

    fn subscribe(&mut self, stream: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        self.count()?;
        HostInputStream::subscribe(&mut self.table, stream)
    }

    async fn drop(&mut self, stream: Resource<DynInputStream>) -> Result<()> {
        HostInputStream::drop(&mut self.table, stream).await
    }
}

impl HostOutputStream for Context {
    fn check_write(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        self.count_stream()?;
        HostOutputStream::check_write(&mut self.table, stream)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.count_stream()?;
        HostOutputStream::write(&mut self.table, stream, bytes)
    }

    async fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        self.count_stream()?;
        HostOutputStream::blocking_write_and_flush(&mut self.table, stream, bytes).await
    }

    fn flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.count_stream()?;
        HostOutputStream::flush(&mut self.table, stream)
    }

    async fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.count_stream()?;
        HostOutputStream::blocking_flush(&mut self.table, stream).await
    }

    fn subscribe(&mut self, stream: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        self.count()?;
        HostOutputStream::subscribe(&mut self.table, stream)
    }

    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, length: u64) -> StreamResult<()> {
        self.count_stream()?;
        HostOutputStream::write_zeroes(&mut self.table, stream, length)
    }

    async fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        length: u64,
    ) -> StreamResult<()> {
        self.count_stream()?;
        HostOutputStream::blocking_write_zeroes_and_flush(&mut self.table, stream, length).await
    }

    fn splice(
        &mut self,
        stream: Resource<DynOutputStream>,
        source: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<u64> {
        self.count_stream()?;
        HostOutputStream::splice(&mut self.table, stream, source, length)
    }

    async fn blocking_splice(
        &mut self,
        stream: Resource<DynOutputStream>,
        source: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<u64> {
        self.count_stream()?;
        let moved = HostOutputStream::blocking_splice(&mut self.table, stream, source, length).await?;
        self.gate.deliver_piece();
        Ok(moved)
    }

    async fn drop(&mut self, stream: Resource<DynOutputStream>) -> Result<()> {
        HostOutputStream::drop(&mut self.table, stream).await
    }
}
