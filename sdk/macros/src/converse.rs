//! The methods by which an agent answers in its own words.

use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Ident, ImplItemFn, LitStr, Meta, Result, ReturnType};

/// What the methods look like.
const CONVERSE: &str =
    "the method marked `#[converse]` is a plain `fn converse(&self, message: Message) -> Result<Answer, Failure>`";
const SUGGEST: &str =
    "the method marked `#[suggest]` is a plain `fn suggest(&self, about: About) -> Result<Vec<Suggestion>, Failure>`";

/// One of the two methods.
pub struct Talk {
    /// The method.
    pub method: Ident,
    /// How much it may change.
    pub effect: LitStr,
    /// Its `#[cfg(…)]`s, which its export stands under too.
    pub conditions: Vec<Attribute>,
}

/// Reads a method as the one that answers messages and takes the `#[converse]` from it.
pub fn take_converse(method: &mut ImplItemFn) -> Option<Result<Talk>> {
    let marked = take(method, "converse")?;
    Some(effect(&marked).and_then(|effect| read(method, effect, CONVERSE)))
}

/// The same with `#[suggest]`, of the one that says what could be said next.
pub fn take_suggest(method: &mut ImplItemFn) -> Option<Result<Talk>> {
    let marked = take(method, "suggest")?;
    let plain = match &marked.meta {
        Meta::Path(_) => Ok(LitStr::new("read", marked.span())),
        _ => Err(Error::new(marked.span(), "`#[suggest]` takes nothing: what it calls may read, and no more")),
    };
    Some(plain.and_then(|effect| read(method, effect, SUGGEST)))
}

fn take(method: &mut ImplItemFn, name: &str) -> Option<Attribute> {
    let is_it = |attribute: &Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == name);
    let position = method.attrs.iter().position(is_it)?;
    Some(method.attrs.remove(position))
}

fn effect(attribute: &Attribute) -> Result<LitStr> {
    let mut effect = LitStr::new("read", attribute.span());
    if matches!(attribute.meta, Meta::Path(_)) {
        return Ok(effect);
    }
    attribute.parse_nested_meta(|meta| {
        if !meta.path.is_ident("effect") {
            return Err(meta.error("`#[converse]` knows `effect`"));
        }
        effect = meta.value()?.parse()?;
        match effect.value().as_str() {
            "read" | "write" | "destructive" => Ok(()),
            _ => Err(Error::new(effect.span(), r#"an effect is "read", "write" or "destructive""#)),
        }
    })?;
    Ok(effect)
}

fn read(method: &ImplItemFn, effect: LitStr, looks: &str) -> Result<Talk> {
    let signature = &method.sig;
    let takes_self = matches!(signature.inputs.first(), Some(FnArg::Receiver(this)) if this.reference.is_some() && this.mutability.is_none());
    let is_plain = signature.asyncness.is_none() && signature.generics.params.is_empty();
    let returns = matches!(signature.output, ReturnType::Type(..));
    if !takes_self || !is_plain || !returns || signature.inputs.len() != 2 {
        return Err(Error::new(signature.span(), looks));
    }
    let conditions = method.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
    Ok(Talk { method: signature.ident.clone(), effect, conditions })
}
