//! The method of an agent that brings its state to another form.

use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Ident, ImplItemFn, Result, ReturnType};

/// What a method marked `#[migrate]` looks like.
const SIGNATURE: &str =
    "the method marked `#[migrate]` is a plain `fn migrate(&self, from: u32) -> Result<(), Failure>`";

/// A migration, as its method says it.
pub struct Migration {
    /// The method.
    pub method: Ident,
    /// Its `#[cfg(…)]`s, which its export stands under too.
    pub conditions: Vec<Attribute>,
}

/// Reads a method as the migration and takes the `#[migrate]` from it. Methods without one are
/// none.
pub fn take(method: &mut ImplItemFn) -> Option<Result<Migration>> {
    let is_migrate =
        |attribute: &Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "migrate");
    let position = method.attrs.iter().position(is_migrate)?;
    method.attrs.remove(position);
    Some(read(method))
}

fn read(method: &ImplItemFn) -> Result<Migration> {
    let signature = &method.sig;
    let takes_self = matches!(signature.inputs.first(), Some(FnArg::Receiver(this)) if this.reference.is_some() && this.mutability.is_none());
    let is_plain = signature.asyncness.is_none() && signature.generics.params.is_empty();
    let returns = matches!(signature.output, ReturnType::Type(..));
    if !takes_self || !is_plain || !returns || signature.inputs.len() != 2 {
        return Err(Error::new(signature.span(), SIGNATURE));
    }
    Ok(Migration {
        method: signature.ident.clone(),
        conditions: method.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect(),
    })
}
