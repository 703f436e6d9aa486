//! The attribute of the black-box tests.

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// In place of `#[test]`, for a test of a cluster: it begins again where it failed while the machine itself
/// stood still, as `halo_e2e::on_a_machine_that_runs` says.
#[proc_macro_attribute]
pub fn lab_test(_arguments: TokenStream, function: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = function.into_iter().collect();
    if let Some(TokenTree::Group(body)) = tokens.pop() {
        let mut called = parsed("||");
        called.extend([TokenTree::Group(body)]);
        let mut call = parsed("::halo_e2e::on_a_machine_that_runs");
        call.extend([TokenTree::Group(Group::new(Delimiter::Parenthesis, called))]);
        tokens.push(TokenTree::Group(Group::new(Delimiter::Brace, call)));
    }
    let mut test = parsed("#[test]");
    test.extend(tokens);
    test
}

fn parsed(source: &str) -> TokenStream {
    source
        .parse()
        .expect("what this file says is Rust, and a test without its attribute would never run")
}
