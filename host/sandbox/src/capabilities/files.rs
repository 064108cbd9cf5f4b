//! `files`: the directories that the deployment was granted. Everything goes through the
//! gate; this file only translates.

use wasmtime::Result;

use super::refusal::refusal;
use crate::bindings::troupe::agent::files::{Attributes, CapabilityError, Host, Item, Kind, Piece};
use crate::context::Context;
use crate::gate::{Answer, Call, Content, FilesAnswer, FilesCall};

type Answered<T> = Result<std::result::Result<T, CapabilityError>>;

impl Host for Context {
    async fn read(&mut self, directory: String, path: String, offset: u64, length: u32) -> Answered<Option<Piece>> {
        Ok(match self.files(FilesCall::Read { directory, path, offset, length }).await? {
            Answer::Files(FilesAnswer::Piece(piece)) => {
                Ok(piece.map(|piece| Piece { bytes: piece.bytes, size: piece.size, version: piece.version }))
            }
            other => Err(refusal(other)),
        })
    }

    async fn write(&mut self, directory: String, path: String, bytes: Vec<u8>) -> Answered<()> {
        let content = Content::new(bytes);
        Ok(match self.files(FilesCall::Write { directory, path, content }).await? {
            Answer::Files(FilesAnswer::Written) => Ok(()),
            other => Err(refusal(other)),
        })
    }

    async fn stat(&mut self, directory: String, path: String) -> Answered<Option<Attributes>> {
        Ok(match self.files(FilesCall::Stat { directory, path }).await? {
            Answer::Files(FilesAnswer::Stat(stat)) => Ok(stat.map(|stat| Attributes {
                kind: kind(stat.is_directory),
                size: stat.size,
                modified: stat.modified_ms,
                version: stat.version,
            })),
            other => Err(refusal(other)),
        })
    }

    async fn list_directory(
        &mut self,
        directory: String,
        path: String,
        after: Option<String>,
        limit: u32,
    ) -> Answered<Option<Vec<Item>>> {
        Ok(match self.files(FilesCall::List { directory, path, after, limit }).await? {
            Answer::Files(FilesAnswer::Items(items)) => Ok(items.map(|items| {
                let items = items.into_iter();
                items.map(|item| Item { name: item.name, kind: kind(item.is_directory), size: item.size }).collect()
            })),
            other => Err(refusal(other)),
        })
    }

    async fn delete(&mut self, directory: String, path: String) -> Answered<bool> {
        Ok(match self.files(FilesCall::Delete { directory, path }).await? {
            Answer::Files(FilesAnswer::Existed(existed)) => Ok(existed),
            other => Err(refusal(other)),
        })
    }
}

impl Context {
    async fn files(&mut self, call: FilesCall) -> Result<Answer> {
        Ok(self.gate.pass(Call::Files(call)).await?)
    }
}

const fn kind(is_directory: bool) -> Kind {
    if is_directory { Kind::Directory } else { Kind::File }
}
