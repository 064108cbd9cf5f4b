//! The code that `#[agent]` writes.
//!
//! ```text
//! #[agent] impl Echo { … }   ─▶   impl Echo { … }                   as it was, without #[skill]
//!                                 impl troupe_sdk::Agent for Echo    profile() and perform()
//!                                 export_agent!(Echo)                on wasm alone
//!                                 impl troupe_sdk::Migrate for Echo  with #[migrate]: migrate()
//!                                 export_migrating!(Echo)            with it, on wasm alone
//!                                 impl troupe_sdk::Conversation …    with #[converse]: converse(), suggest()
//!                                 export_conversing!(Echo)           with it, on wasm alone
//! ```
//!
//! The `impl` block is handed out even if something in it is wrong, so that the author
//! sees the one mistake and not its echoes. Each type keeps its own place in the source,
//! so that a missing derive is reported at the type.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Error, ImplItem, ImplItemFn, ItemImpl, Result, Type};

use crate::converse::{self, Talk};
use crate::manifest::{self, Manifest};
use crate::migrate::{self, Migration};
use crate::skill::{self, Skill};

/// Expands `#[agent(arguments)] item`, with `manifest` to ask for the agent's manifest.
pub fn expand(
    arguments: TokenStream,
    item: TokenStream,
    manifest: &dyn Fn() -> std::result::Result<Manifest, String>,
) -> TokenStream {
    let mut block = match syn::parse2::<ItemImpl>(item.clone()) {
        Ok(block) => block,
        Err(_) => {
            let message = "`#[agent]` stands on the `impl` block that holds the skills";
            let error = Error::new(Span::call_site(), message).into_compile_error();
            return quote!(#error #item);
        }
    };
    let (skills, mut errors) = take_skills(&mut block);
    let migration = keep(take_one(&mut block, "migrate", migrate::take), &mut errors).flatten();
    let converse = keep(take_one(&mut block, "converse", converse::take_converse), &mut errors).flatten();
    let suggest = keep(take_one(&mut block, "suggest", converse::take_suggest), &mut errors).flatten();
    keep(check_suggest(converse.as_ref(), suggest.as_ref()), &mut errors);
    let configuration = keep(configuration(arguments), &mut errors).flatten();
    keep(check_block(&block), &mut errors);
    keep(check_skills(&skills, errors.is_none(), &block), &mut errors);
    let manifest = keep(manifest().map_err(|message| Error::new(Span::call_site(), message)), &mut errors);
    match (manifest, errors) {
        (Some(manifest), None) => {
            let agent = implementation(&block.self_ty, &skills, &manifest, configuration.as_ref(), converse.as_ref());
            let export = export(&block.self_ty);
            let migrate = migration.map(|migration| migrate(&block.self_ty, &migration));
            let converse = converse.map(|converse| conversation(&block.self_ty, &converse, suggest.as_ref()));
            quote!(#block #agent #export #migrate #converse)
        }
        (_, errors) => {
            let errors = errors.map(Error::into_compile_error);
            quote!(#block #errors)
        }
    }
}

/// Keeps the value of a result, or adds its error to those found before.
fn keep<T>(result: Result<T>, errors: &mut Option<Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            match errors {
                Some(errors) => errors.combine(error),
                None => *errors = Some(error),
            }
            None
        }
    }
}

fn take_skills(block: &mut ItemImpl) -> (Vec<Skill>, Option<Error>) {
    let mut errors = None;
    let mut skills = Vec::new();
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item
            && let Some(skill) = skill::take(method)
        {
            skills.extend(keep(skill, &mut errors));
        }
    }
    (skills, errors)
}

/// Takes the one method that has a mark.
fn take_one<T>(
    block: &mut ItemImpl,
    mark: &str,
    take: impl Fn(&mut ImplItemFn) -> Option<Result<T>>,
) -> Result<Option<T>> {
    let mut found = None;
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item
            && let Some(taken) = take(method)
        {
            if found.is_some() {
                let message = format!("an agent has one method marked `#[{mark}]`");
                return Err(Error::new(method.sig.ident.span(), message));
            }
            found = Some(taken?);
        }
    }
    Ok(found)
}

fn check_suggest(converse: Option<&Talk>, suggest: Option<&Talk>) -> Result<()> {
    match (converse, suggest) {
        (None, Some(suggest)) => {
            let message = "a method marked `#[suggest]` stands beside one marked `#[converse]`";
            Err(Error::new(suggest.method.span(), message))
        }
        _ => Ok(()),
    }
}

fn configuration(arguments: TokenStream) -> Result<Option<Type>> {
    let mut configuration = None;
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("configuration") {
            configuration = Some(meta.value()?.parse()?);
            Ok(())
        } else {
            Err(meta.error("`#[agent]` knows `configuration = Type`"))
        }
    });
    parser.parse2(arguments)?;
    Ok(configuration)
}

fn check_block(block: &ItemImpl) -> Result<()> {
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new(path.span(), "`#[agent]` stands on an `impl` block of the type itself, not of a trait"));
    }
    let is_name = matches!(&*block.self_ty, Type::Path(path) if path.path.get_ident().is_some());
    if !is_name || !block.generics.params.is_empty() {
        return Err(Error::new(block.self_ty.span(), "an agent is a type without generic parameters, by its own name"));
    }
    Ok(())
}

fn check_skills(skills: &[Skill], all_read: bool, block: &ItemImpl) -> Result<()> {
    if skills.is_empty() && all_read {
        return Err(Error::new(block.self_ty.span(), "an agent has at least one skill: mark a method with `#[skill]`"));
    }
    for (position, skill) in skills.iter().enumerate() {
        // Of two under conditions only one may be there; if both are, the compiler tells.
        let clashes = |earlier: &Skill| {
            earlier.name.value() == skill.name.value() && earlier.conditions.is_empty() && skill.conditions.is_empty()
        };
        if skills.iter().take(position).any(clashes) {
            let message = format!("the agent has a skill `{}` already", skill.name.value());
            return Err(Error::new(skill.name.span(), message));
        }
    }
    Ok(())
}

fn implementation(
    this: &Type,
    skills: &[Skill],
    manifest: &Manifest,
    configuration: Option<&Type>,
    converse: Option<&Talk>,
) -> TokenStream {
    let Manifest { summary, goals, triggers } = manifest;
    let triggers = triggers.iter().map(manifest::object);
    let configuration = match configuration {
        Some(ty) => {
            let schema = quote_spanned!(ty.span()=> ::troupe_sdk::__macro::input_schema::<#ty>());
            quote!(::core::option::Option::Some(#schema))
        }
        None => quote!(::core::option::Option::None),
    };
    let descriptions = skills.iter().map(describe);
    let arms = skills.iter().map(call);
    let converses = converse.map(|Talk { effect, conditions, .. }| {
        quote!(#(#conditions)* let profile = ::troupe_sdk::__macro::conversing(profile, #effect);)
    });
    let implementation = quote_spanned! {this.span()=>
        #[automatically_derived]
        impl ::troupe_sdk::Agent for #this
    };
    quote! {
        #implementation {
            fn profile() -> ::troupe_sdk::__macro::Value {
                // Read here so that cargo builds the agent again when its manifest changes.
                const _: &[::core::primitive::u8] =
                    ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/agent.toml"));
                let profile = ::troupe_sdk::__macro::profile(
                    #summary,
                    &[#(#goals),*],
                    ::std::vec![#(#triggers),*],
                    // Not `vec!`, which would lose the conditions.
                    ::std::vec::Vec::from([#(#descriptions),*]),
                    #configuration,
                );
                #converses
                profile
            }

            fn perform(
                &self,
                skill: &::core::primitive::str,
                input: &::core::primitive::str,
            ) -> ::core::result::Result<::std::string::String, ::troupe_sdk::Failure> {
                match skill {
                    #(#arms)*
                    _ => ::core::result::Result::Err(::troupe_sdk::Failure::unknown_skill(skill)),
                }
            }
        }
    }
}

fn input_type(skill: &Skill) -> TokenStream {
    match &skill.input {
        Some(input) => input.to_token_stream(),
        None => quote!(::troupe_sdk::__macro::NoInput),
    }
}

fn describe(skill: &Skill) -> TokenStream {
    let Skill { name, conditions, description, effect, output, .. } = skill;
    let input = input_type(skill);
    let input = quote_spanned!(input.span()=> ::troupe_sdk::__macro::input_schema::<#input>());
    let output = quote_spanned!(output.span()=> ::troupe_sdk::__macro::output_schema::<#output>());
    quote!(#(#conditions)* ::troupe_sdk::__macro::skill(#name, #description, #effect, #input, #output))
}

fn call(skill: &Skill) -> TokenStream {
    let Skill { name, method, conditions, .. } = skill;
    let input = input_type(skill);
    let variable = format_ident!("input", span = Span::mixed_site());
    let argument = skill.input.as_ref().map(|_| &variable);
    let binding = if argument.is_some() { quote!(#variable) } else { quote!(_) };
    quote! {
        #(#conditions)*
        #name => ::troupe_sdk::__macro::call(input, |#binding: #input| self.#method(#argument)),
    }
}

/// The exports exist on wasm alone, so that an agent's tests build for the machine of
/// its author. There, a mention in their place keeps the compiler from calling the agent
/// dead code.
fn export(this: &Type) -> TokenStream {
    quote! {
        #[cfg(target_family = "wasm")]
        ::troupe_sdk::bindings::export_agent!(#this with_types_in ::troupe_sdk::bindings);
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> ::troupe_sdk::__macro::Value = <#this as ::troupe_sdk::Agent>::profile;
    }
}

fn migrate(this: &Type, migration: &Migration) -> TokenStream {
    let Migration { method, conditions } = migration;
    quote! {
        #(#conditions)*
        #[automatically_derived]
        impl ::troupe_sdk::Migrate for #this {
            fn migrate(&self, from: ::core::primitive::u32) -> ::core::result::Result<(), ::troupe_sdk::Failure> {
                Self::#method(self, from).map_err(::core::convert::Into::into)
            }
        }
        #(#conditions)*
        #[cfg(target_family = "wasm")]
        ::troupe_sdk::bindings::migrating::export_migrating!(#this with_types_in ::troupe_sdk::bindings::migrating);
        #(#conditions)*
        #[cfg(not(target_family = "wasm"))]
        const _: fn(&#this, ::core::primitive::u32) -> ::core::result::Result<(), ::troupe_sdk::Failure> =
            <#this as ::troupe_sdk::Migrate>::migrate;
    }
}

fn conversation(this: &Type, converse: &Talk, suggest: Option<&Talk>) -> TokenStream {
    let Talk { method, conditions, .. } = converse;
    let suggest = suggest.map(|Talk { method, conditions, .. }| {
        quote! {
            #(#conditions)*
            fn suggest(
                &self,
                about: ::troupe_sdk::conversation::About,
            ) -> ::core::result::Result<::std::vec::Vec<::troupe_sdk::conversation::Suggestion>, ::troupe_sdk::Failure> {
                Self::#method(self, about).map_err(::core::convert::Into::into)
            }
        }
    });
    let implementation = quote_spanned! {method.span()=>
        #[automatically_derived]
        impl ::troupe_sdk::Conversation for #this
    };
    quote! {
        #(#conditions)*
        #implementation {
            fn converse(
                &self,
                message: ::troupe_sdk::conversation::Message,
            ) -> ::core::result::Result<::troupe_sdk::conversation::Answer, ::troupe_sdk::Failure> {
                Self::#method(self, message).map_err(::core::convert::Into::into)
            }
            #suggest
        }
        #(#conditions)*
        #[cfg(target_family = "wasm")]
        ::troupe_sdk::bindings::conversing::export_conversing!(#this with_types_in ::troupe_sdk::bindings::conversing);
        #(#conditions)*
        #[cfg(not(target_family = "wasm"))]
        const _: fn(
            &#this,
            ::troupe_sdk::conversation::Message,
        ) -> ::core::result::Result<::troupe_sdk::conversation::Answer, ::troupe_sdk::Failure> =
            <#this as ::troupe_sdk::Conversation>::converse;
    }
}

#[cfg(test)]
#[path = "expand_tests.rs"]
mod tests;
