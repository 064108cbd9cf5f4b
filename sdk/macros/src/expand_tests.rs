//! What an author is told, mistake by mistake. That the written code works is shown in
//! `sdk/rust/tests`, where it is compiled.

use quote::quote;

use super::*;
use crate::manifest;

const MANIFEST: &str = r#"
    name = "echo"
    version = "1.0.0"
    summary = "Says it back."
    goals = ["Show the way"]

    [[triggers]]
    event = "aws.account.added"
"#;

/// The text of every `compile_error!` in an expansion, one a line.
fn told(arguments: TokenStream, item: TokenStream) -> String {
    told_with(arguments, item, MANIFEST)
}

fn told_with(arguments: TokenStream, item: TokenStream, manifest: &str) -> String {
    let file: syn::File = syn::parse2(expand(arguments, item, &|| manifest::parse(manifest))).unwrap();
    let mut lines = Vec::new();
    for item in file.items {
        if let syn::Item::Macro(call) = item
            && call.mac.path.segments.last().unwrap().ident == "compile_error"
        {
            lines.push(call.mac.parse_body::<syn::LitStr>().unwrap().value());
        }
    }
    lines.join("\n")
}

/// What is told about a block with this one method.
fn told_of(method: TokenStream) -> String {
    told(quote!(), quote!(impl Echo { #method }))
}

/// Compares line by line, whatever the indentation of the expectation.
fn assert_told(told: &str, expected: &str) {
    let lines = |text: &str| text.trim().lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(told), lines(expected));
}

#[test]
fn a_sound_agent_is_told_nothing() {
    let method = quote! {
        /// Says it back.
        #[skill(effect = "read", name = "say-it")]
        fn echo(&self, input: EchoInput) -> Result<EchoOutput, Failure> { unreachable!() }
    };
    assert_eq!(told_of(method), "");
}

#[test]
fn a_skill_without_a_doc_comment_is_told_to_have_one() {
    assert_told(
        &told_of(quote!(
            #[skill]
            fn echo(&self) -> Result<String, Failure> {
                unreachable!()
            }
        )),
        "a skill needs a description for its callers: write a doc comment (`///`) above the method",
    );
}

#[test]
fn each_wrong_signature_is_told_what_a_skill_takes_and_returns() {
    let told = [
        quote!(
            fn a() -> Result<String, Failure> {}
        ),
        quote!(
            fn a(self) -> Result<String, Failure> {}
        ),
        quote!(
            fn a(&mut self) -> Result<String, Failure> {}
        ),
        quote!(
            fn a(&self, input: &Input) -> Result<String, Failure> {}
        ),
        quote!(
            fn a(&self, one: One, two: Two) -> Result<String, Failure> {}
        ),
        quote!(
            fn a(&self) {}
        ),
        quote!(
            fn a(&self) -> String {}
        ),
        quote!(
            fn a(&self) -> Result {}
        ),
        quote!(
            async fn a(&self) -> Result<String, Failure> {}
        ),
        quote!(
            fn a<T>(&self, input: T) -> Result<String, Failure> {}
        ),
    ]
    .map(|method| told_of(quote!(#[skill] #[doc = "Does it."] #method)));
    assert_told(
        &told.join("\n"),
        "
    a skill takes `&self` as its first parameter
    a skill takes `&self`: the agent is made anew for each call, so what should last goes into `state`
    a skill takes `&self`: the agent is made anew for each call, so what should last goes into `state`
    a skill takes its input by value
    a skill takes one input: make the values fields of one struct
    a skill returns `Result<Output, Failure>`
    a skill returns `Result<Output, Failure>`
    a skill returns `Result<Output, Failure>`
    a skill is a plain `fn`: calls of capabilities wait by themselves
    a skill has no generic parameters: its types are its schema
    ",
    );
}

#[test]
fn each_wrong_argument_is_told_what_there_is() {
    let method = quote!(
        #[doc = "Does it."]
        fn a(&self) -> Result<String, Failure> {}
    );
    let told = [
        told_of(quote!(#[skill(effect = "reads")] #method)),
        told_of(quote!(#[skill(efect = "read")] #method)),
        told_of(quote!(#[skill(name = "say it")] #method)),
        told(quote!(config = Settings), quote!(impl Echo { #[skill] #method })),
    ];
    assert_told(
        &told.join("\n"),
        r#"
    an effect is "read", "write" or "destructive"
    `#[skill]` knows `effect` and `name`
    a skill name is 1 to 64 ASCII letters, digits, `_` and `-`, beginning with a letter: give one with `#[skill(name = "…")]`
    `#[agent]` knows `configuration = Type`
    "#,
    );
}

#[test]
fn each_wrong_block_is_told_where_the_attribute_stands() {
    let method = quote!(
        #[skill]
        #[doc = "Does it."]
        fn a(&self) -> Result<String, Failure> {}
    );
    let told = [
        told(
            quote!(),
            quote!(
                struct Echo;
            ),
        ),
        told(quote!(), quote!(impl Echo {})),
        told(quote!(), quote!(impl Display for Echo { #method })),
        told(quote!(), quote!(impl<T> Echo<T> { #method })),
        told(
            quote!(),
            quote!(impl Echo { #method #[skill(name = "a")] #[doc = "Again."] fn b(&self) -> Result<(), Failure> {} }),
        ),
    ];
    assert_told(
        &told.join("\n"),
        "
    `#[agent]` stands on the `impl` block that holds the skills
    an agent has at least one skill: mark a method with `#[skill]`
    `#[agent]` stands on an `impl` block of the type itself, not of a trait
    an agent is a type without generic parameters, by its own name
    the agent has a skill `a` already
    ",
    );
}

#[test]
fn every_mistake_is_told_at_once() {
    let item = quote! {
        impl Echo {
            #[skill] fn a(&self) -> Result<String, Failure> {}
            #[skill] #[doc = "Does it."] fn b(&self) {}
        }
    };
    assert_told(
        &told_with(quote!(), item, "summary = 1"),
        "
    a skill needs a description for its callers: write a doc comment (`///`) above the method
    a skill returns `Result<Output, Failure>`
    TOML parse error at line 1, column 11
      |
    1 | summary = 1
      |           ^
    invalid type: integer `1`, expected a string
    ",
    );
}

#[test]
fn a_manifest_without_a_summary_is_named() {
    let item = quote!(impl Echo { #[skill] #[doc = "Does it."] fn a(&self) -> Result<String, Failure> {} });
    assert!(told_with(quote!(), item, "name = \"echo\"").contains("missing field `summary`"));
}

#[test]
fn the_block_survives_a_mistake() {
    let written = expand(quote!(), quote!(impl Echo { #[skill] fn a(&self) {} }), &|| manifest::parse(MANIFEST));
    let file: syn::File = syn::parse2(written).unwrap();
    let syn::Item::Impl(block) = &file.items[0] else { panic!("the block comes first") };
    let ImplItem::Fn(method) = &block.items[0] else { panic!("the method stays") };
    assert!(method.attrs.is_empty(), "the mark is taken off");
}

#[test]
fn an_indented_list_in_a_doc_comment_keeps_its_indent() {
    let mut method: syn::ImplItemFn = syn::parse_quote! {
        /// Lists things:
        ///
        /// - one,
        ///   in two lines
        #[skill]
        fn a(&self) -> Result<String, Failure> {}
    };
    let skill = skill::take(&mut method).unwrap().unwrap();
    assert_eq!(skill.description, "Lists things:\n\n- one,\n  in two lines");
    assert_eq!(skill.effect, "write");
}

#[test]
fn a_migration_of_another_signature_or_a_second_one_is_told() {
    let skill = quote!(
        #[skill]
        #[doc = "Does it."]
        fn a(&self) -> Result<String, Failure> {}
    );
    let told = [
        quote!(
            #[migrate]
            fn migrate(&self) -> Result<(), Failure> {}
        ),
        quote!(
            #[migrate]
            fn migrate(from: u32, to: u32) -> Result<(), Failure> {}
        ),
        quote!(
            #[migrate]
            async fn migrate(&self, from: u32) -> Result<(), Failure> {}
        ),
        quote!(
            #[migrate]
            fn migrate(&self, from: u32) {}
        ),
        quote!(
            #[migrate]
            fn one(&self, from: u32) -> Result<(), Failure> {}
            #[troupe_sdk::migrate]
            fn two(&self, from: u32) -> Result<(), Failure> {}
        ),
        quote!(
            #[migrate]
            fn migrate(&self, from: u32) -> Result<(), Failure> {}
        ),
    ]
    .map(|methods| told_of(quote!(#skill #methods)));
    assert_told(
        &told.join("\n"),
        "
    the method marked `#[migrate]` is a plain `fn migrate(&self, from: u32) -> Result<(), Failure>`
    the method marked `#[migrate]` is a plain `fn migrate(&self, from: u32) -> Result<(), Failure>`
    the method marked `#[migrate]` is a plain `fn migrate(&self, from: u32) -> Result<(), Failure>`
    the method marked `#[migrate]` is a plain `fn migrate(&self, from: u32) -> Result<(), Failure>`
    an agent has one method marked `#[migrate]`
    ",
    );
}

#[test]
fn a_conversation_is_one_plain_method_and_what_it_suggests_stands_beside_it() {
    let skill = quote!(
        #[skill]
        #[doc = "Does it."]
        fn a(&self) -> Result<String, Failure> {}
    );
    let converse = quote!(
        fn talk(&self, message: Message) -> Result<Answer, Failure> {}
    );
    let told = [
        told_of(quote!(#skill #[converse(effect = "write")] #converse)),
        told_of(quote!(#skill #[converse(effects = "write")] #converse)),
        told_of(quote!(#skill #[converse(effect = "all")] #converse)),
        told_of(quote!(#skill #[converse] fn talk(&self) -> Result<Answer, Failure> {})),
        told_of(
            quote!(#skill #[converse] #converse #[troupe_sdk::converse] fn more(&self, message: Message) -> Result<Answer, Failure> {}),
        ),
        told_of(quote!(#skill #[suggest] fn hints(&self, about: About) -> Result<Vec<Suggestion>, Failure> {})),
        told_of(
            quote!(#skill #[converse] #converse #[suggest(effect = "write")] fn hints(&self, about: About) -> Result<Vec<Suggestion>, Failure> {}),
        ),
        told_of(
            quote!(#skill #[converse] #converse #[suggest] async fn hints(&self, about: About) -> Result<Vec<Suggestion>, Failure> {}),
        ),
    ];
    assert_told(
        &told.join("\n"),
        r#"

    `#[converse]` knows `effect`
    an effect is "read", "write" or "destructive"
    the method marked `#[converse]` is a plain `fn converse(&self, message: Message) -> Result<Answer, Failure>`
    an agent has one method marked `#[converse]`
    a method marked `#[suggest]` stands beside one marked `#[converse]`
    `#[suggest]` takes nothing: what it calls may read, and no more
    the method marked `#[suggest]` is a plain `fn suggest(&self, about: About) -> Result<Vec<Suggestion>, Failure>`
    "#,
    );
}
