//! One method of an agent, read as a skill.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, GenericArgument, Ident, ImplItemFn, Lit, LitStr, PathArguments, Result,
    ReturnType, Type,
};

/// The grammar of skill names, which is that of tool names in the Model Context Protocol.
const NAME_LENGTH_MAX: usize = 64;

/// A skill, as its method says it.
pub struct Skill {
    /// The method.
    pub method: Ident,
    /// Its `#[cfg(…)]`s, which its description and its call stand under too.
    pub conditions: Vec<Attribute>,
    /// The name callers use.
    pub name: LitStr,
    /// The doc comment as one text.
    pub description: String,
    /// `read`, `write` or `destructive`.
    pub effect: &'static str,
    /// The type of the input, if the method takes one.
    pub input: Option<Type>,
    /// The type of the output.
    pub output: Type,
}

/// What stands in `#[skill(…)]`.
struct Arguments {
    name: Option<LitStr>,
    effect: &'static str,
}

/// Reads a method as a skill and takes the `#[skill]` from it. Methods without one are
/// not skills.
pub fn take(method: &mut ImplItemFn) -> Option<Result<Skill>> {
    let position = method.attrs.iter().position(is_skill)?;
    let attribute = method.attrs.remove(position);
    Some(read(&attribute, method))
}

fn is_skill(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "skill")
}

fn read(attribute: &Attribute, method: &ImplItemFn) -> Result<Skill> {
    let signature = &method.sig;
    let arguments = arguments(attribute)?;
    let name = arguments.name.unwrap_or_else(|| {
        let text = signature.ident.to_string();
        LitStr::new(text.trim_start_matches("r#"), signature.ident.span())
    });
    check_name(&name)?;
    if let Some(keyword) = &signature.asyncness {
        return Err(Error::new(keyword.span(), "a skill is a plain `fn`: calls of capabilities wait by themselves"));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a skill has no generic parameters: its types are its schema",
        ));
    }
    let description = description(&method.attrs);
    if description.is_empty() {
        return Err(Error::new(
            signature.ident.span(),
            "a skill needs a description for its callers: write a doc comment (`///`) above the method",
        ));
    }
    Ok(Skill {
        method: signature.ident.clone(),
        conditions: method.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect(),
        name,
        description,
        effect: arguments.effect,
        input: input(method)?,
        output: output(&signature.output, signature.ident.span())?,
    })
}

fn arguments(attribute: &Attribute) -> Result<Arguments> {
    let mut arguments = Arguments { name: None, effect: "write" };
    if matches!(attribute.meta, syn::Meta::Path(_)) {
        return Ok(arguments);
    }
    attribute.parse_nested_meta(|meta| {
        if meta.path.is_ident("effect") {
            let value: LitStr = meta.value()?.parse()?;
            arguments.effect = match value.value().as_str() {
                "read" => "read",
                "write" => "write",
                "destructive" => "destructive",
                _ => return Err(Error::new(value.span(), r#"an effect is "read", "write" or "destructive""#)),
            };
            Ok(())
        } else if meta.path.is_ident("name") {
            arguments.name = Some(meta.value()?.parse()?);
            Ok(())
        } else {
            Err(meta.error("`#[skill]` knows `effect` and `name`"))
        }
    })?;
    Ok(arguments)
}

fn check_name(name: &LitStr) -> Result<()> {
    let text = name.value();
    let good = text.len() <= NAME_LENGTH_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if good {
        return Ok(());
    }
    Err(Error::new(
        name.span(),
        "a skill name is 1 to 64 ASCII letters, digits, `_` and `-`, beginning with a letter: give one with `#[skill(name = \"…\")]`",
    ))
}

/// The doc comment as one text. Each line loses the space that follows the slashes, so
/// that what is indented further stays so.
fn description(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let Ok(pair) = attribute.meta.require_name_value() else { continue };
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value else { continue };
        for line in line.value().lines() {
            text.push_str(line.strip_prefix(' ').unwrap_or(line).trim_end());
            text.push('\n');
        }
        if line.value().is_empty() {
            text.push('\n');
        }
    }
    text.trim().to_owned()
}

fn input(method: &ImplItemFn) -> Result<Option<Type>> {
    let signature = &method.sig;
    let mut parameters = signature.inputs.iter();
    match parameters.next() {
        Some(FnArg::Receiver(this)) if this.reference.is_some() && this.mutability.is_none() => {}
        Some(FnArg::Receiver(this)) => {
            return Err(Error::new(
                this.span(),
                "a skill takes `&self`: the agent is made anew for each call, so what should last goes into `state`",
            ));
        }
        _ => return Err(Error::new(signature.ident.span(), "a skill takes `&self` as its first parameter")),
    }
    let input = match parameters.next() {
        None => None,
        Some(FnArg::Typed(input)) => Some(&*input.ty),
        Some(other) => return Err(Error::new(other.span(), "a skill takes `&self` once")),
    };
    if let Some(Type::Reference(reference)) = input {
        return Err(Error::new(reference.span(), "a skill takes its input by value"));
    }
    match parameters.next() {
        None => Ok(input.cloned()),
        Some(second) => Err(Error::new(second.span(), "a skill takes one input: make the values fields of one struct")),
    }
}

fn output(returned: &ReturnType, method: Span) -> Result<Type> {
    const MESSAGE: &str = "a skill returns `Result<Output, Failure>`";
    let ReturnType::Type(_, returned) = returned else { return Err(Error::new(method, MESSAGE)) };
    let bad = || Error::new(returned.span(), MESSAGE);
    let Type::Path(path) = &**returned else { return Err(bad()) };
    let result = path.path.segments.last().filter(|last| last.ident == "Result").ok_or_else(bad)?;
    let PathArguments::AngleBracketed(generics) = &result.arguments else { return Err(bad()) };
    match generics.args.first() {
        Some(GenericArgument::Type(output)) => Ok(output.clone()),
        _ => Err(bad()),
    }
}
