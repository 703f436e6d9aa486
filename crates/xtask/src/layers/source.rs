//! What a source file names.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

use super::rules::{IMPURE_PATHS, PARTLY_PURE};
use super::tree::{Source, is_test_only};

/// Every use of what a pure crate may not name, outside of tests.
pub(super) fn impure(source: &Source) -> Vec<String> {
    let file = match syn::parse_file(&source.text) {
        Ok(file) => file,
        Err(error) => return vec![format!("{}: {error}", source.path.display())],
    };
    let mut names = Names::default();
    names.visit_file(&file);
    let mut broken: Vec<String> = names
        .found
        .iter()
        .filter_map(|(path, span)| {
            let why = forbidden(path)?;
            let line = span.start().line;
            Some(format!(
                "{}:{line}: pure code may not name {path}: {why}",
                source.path.display()
            ))
        })
        .collect();
    broken.dedup();
    broken
}

/// Every `unsafe` in a file, tests included.
pub(super) fn unsafe_code(source: &Source) -> Vec<String> {
    let tokens: TokenStream = match source.text.parse() {
        Ok(tokens) => tokens,
        Err(error) => return vec![format!("{}: {error}", source.path.display())],
    };
    let mut lines = Vec::new();
    find_unsafe(tokens, &mut lines);
    lines
        .into_iter()
        .map(|line| {
            format!(
                "{}:{line}: unsafe code belongs in halo-netio alone",
                source.path.display()
            )
        })
        .collect()
}

fn find_unsafe(tokens: TokenStream, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) if name == "unsafe" => lines.push(name.span().start().line),
            TokenTree::Group(group) => find_unsafe(group.stream(), lines),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Why `path` may not be named, if it may not.
fn forbidden(path: &str) -> Option<&'static str> {
    let begins = |start: &str| path == start || path.starts_with(&format!("{start}::"));
    for (library, parts) in PARTLY_PURE {
        if begins(library) && !parts.iter().any(|part| begins(part)) {
            return Some("only the parts of it that do no I/O may be used");
        }
    }
    // `use std::net::*` brings everything below.
    let glob = path.strip_suffix("::*");
    let rule = IMPURE_PATHS.iter().find(|(name, _)| {
        let method = name.starts_with(char::is_uppercase);
        begins(name)
            || method && (path.ends_with(&format!("::{name}")))
            || glob.is_some_and(|above| name.starts_with(&format!("{above}::")))
    });
    rule.map(|(_, why)| *why)
}

/// Collects the paths that a file names, outside of tests.
#[derive(Default)]
struct Names {
    found: Vec<(String, Span)>,
}

impl<'a> Visit<'a> for Names {
    fn visit_item(&mut self, item: &'a Item) {
        if !is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.use_tree(&item.tree, "");
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        if let Some(first) = path.segments.first() {
            self.found.push((names.join("::"), first.ident.span()));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }
}

impl Names {
    /// Adds each path of a `use`, with its groups spread out.
    fn use_tree(&mut self, tree: &UseTree, above: &str) {
        let join = |name: &str| {
            if above.is_empty() {
                name.to_owned()
            } else {
                format!("{above}::{name}")
            }
        };
        match tree {
            UseTree::Path(path) => self.use_tree(&path.tree, &join(&path.ident.to_string())),
            UseTree::Name(name) if name.ident == "self" => {
                self.found.push((above.to_owned(), name.ident.span()));
            }
            UseTree::Name(name) => self
                .found
                .push((join(&name.ident.to_string()), name.ident.span())),
            UseTree::Rename(name) => {
                self.found
                    .push((join(&name.ident.to_string()), name.ident.span()));
            }
            UseTree::Glob(glob) => {
                self.found.push((join("*"), glob.star_token.spans[0]));
            }
            UseTree::Group(group) => {
                group
                    .items
                    .iter()
                    .for_each(|item| self.use_tree(item, above));
            }
        }
    }

    /// Adds the paths inside a macro call, which syn leaves as tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Option<(String, Span)> = None;
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Ident(name) if colons == 2 && path.is_some() => {
                    if let Some((path, _)) = &mut path {
                        path.push_str(&format!("::{name}"));
                    }
                    colons = 0;
                }
                TokenTree::Ident(name) => {
                    self.found
                        .extend(path.replace((name.to_string(), name.span())));
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(_) | TokenTree::Literal(_) | TokenTree::Group(_) => {
                    self.found.extend(path.take());
                    colons = 0;
                }
            }
            if let TokenTree::Group(group) = token {
                self.tokens(group.stream());
            }
        }
        self.found.extend(path);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        // The rest is not there for tests alone, or is too rare to matter: it is checked.
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            path: "x.rs".into(),
            text: text.into(),
        }
    }

    fn named(text: &str) -> Vec<String> {
        impure(&source(text))
    }

    #[test]
    fn imports_are_found_in_every_form() {
        for text in [
            "use tokio::net;",
            "use std::net::{IpAddr, UdpSocket};",
            "use std::{fs, net::IpAddr};",
            "use std::fs::{self, File};",
            "use std::net::TcpStream as Wire;",
            "use std::net::*;",
            "use std::time::SystemTime;",
            "fn f() { use std::thread; }",
            "mod a { use rand::Rng; }",
        ] {
            assert_eq!(named(text).len().min(1), 1, "{text}: {:?}", named(text));
        }
    }

    #[test]
    fn calls_are_found_also_in_macros() {
        for text in [
            "fn f() { Instant::now(); }",
            "fn f() { std::time::Instant::now(); }",
            "fn f() { time::Instant::now(); }",
            "fn f() { let x = vec![std::fs::read(p)]; }",
            "fn f() { assert!(a < Instant::now(), \"x\"); }",
            "fn f() -> Option<std::thread::Thread> { None }",
        ] {
            assert_eq!(named(text).len(), 1, "{text}: {:?}", named(text));
        }
    }

    #[test]
    fn what_pure_code_needs_is_allowed() {
        for text in [
            "use std::net::{IpAddr, SocketAddr}; use std::time::{Duration, Instant};",
            "use pnet::packet::Packet; use pnet::util::MacAddr;",
            "/// Like std::fs.\nfn f() { let s = \"std::fs::read\"; } // tokio",
            "#[cfg(test)] mod tests { fn f() { std::time::Instant::now(); } }",
            "#[cfg(test)] use std::fs;",
            "fn f(now: Instant) { brand::new(); operand(now); }",
        ] {
            assert_eq!(named(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn only_the_parts_of_pnet_that_do_no_io_are_allowed() {
        assert_eq!(
            named("\nuse pnet::datalink;"),
            [
                "x.rs:2: pure code may not name pnet::datalink: only the parts of it that do no I/O \
              may be used"
            ]
        );
    }

    #[test]
    fn the_message_names_place_and_remedy() {
        assert_eq!(
            named("use std::fs;"),
            ["x.rs:1: pure code may not name std::fs: take the content as an argument"]
        );
    }

    #[test]
    fn unsafe_is_found_outside_of_comments_and_strings() {
        assert_eq!(
            unsafe_code(&source("// unsafe\nconst A: &str = \"unsafe\";")),
            [""; 0]
        );
        assert_eq!(
            unsafe_code(&source("fn f() {\n    unsafe { g() }\n}")),
            ["x.rs:2: unsafe code belongs in halo-netio alone"]
        );
    }
}
