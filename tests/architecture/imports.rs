//! Collects the imports of a file: its `use` lines, and the paths in its code.

use proc_macro2::{TokenStream, TokenTree};
use syn::Token;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};

/// A path as it is written, such as `crate::json::string`, and the name that a `use` gives it.
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    pub(crate) name: Option<String>,
    /// `pub use` and `pub(crate) use`: others may find the item here.
    pub(crate) is_shown: bool,
    /// The inline modules around it, outermost first.
    pub(crate) within: Vec<String>,
}

/// All imports of a file, without those of its tests.
pub(crate) fn of(source: &str) -> Vec<Import> {
    let file = syn::parse_file(source).expect("the file is Rust");
    let mut visitor = Visitor { imports: Vec::new(), within: Vec::new() };
    visitor.visit_file(&file);
    visitor.imports
}

struct Visitor {
    imports: Vec<Import>,
    within: Vec<String>,
}

/// Returns true if an item is only compiled in tests: `cfg(test)`, `cfg(all(test, …))`.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    fn requires_test(meta: &syn::Meta) -> bool {
        match meta {
            syn::Meta::List(list) if list.path.is_ident("cfg") || list.path.is_ident("all") => {
                let parse = Punctuated::<syn::Meta, Token![,]>::parse_terminated;
                let conditions = list.parse_args_with(parse);
                conditions.expect("conditions are names and lists").iter().any(requires_test)
            }
            meta => meta.path().is_ident("test"),
        }
    }
    attributes.iter().any(|attribute| requires_test(&attribute.meta))
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        _ => &[],
    }
}

impl Visitor {
    fn import(&mut self, path: Vec<String>, name: Option<String>, is_shown: bool) {
        self.imports.push(Import { path, name, is_shown, within: self.within.clone() });
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String], is_shown: bool) {
        let mut leaf = |last: &syn::Ident, name: &syn::Ident| {
            let last = last.to_string();
            let path = if last == "self" { before.to_vec() } else { [before, &[last]].concat() };
            let name = if name == "self" { path.last().cloned() } else { Some(name.to_string()) };
            self.import(path, name, is_shown);
        };
        match tree {
            syn::UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                self.tree(&path.tree, &before, is_shown);
            }
            syn::UseTree::Name(name) => leaf(&name.ident, &name.ident),
            syn::UseTree::Rename(rename) => leaf(&rename.ident, &rename.rename),
            syn::UseTree::Glob(_) => self.import(before.to_vec(), None, is_shown),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before, is_shown);
                }
            }
        }
    }

    /// A path in a macro. A single name may be anything there, such as that of a field.
    fn path(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.import(path, None, false);
        }
    }

    /// The `use` lines and the paths among the tokens of a macro, which are not parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter();
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(name) if name == "use" => {
                    let is_inside = |token: &TokenTree| !is_punct(token, ';');
                    let line: TokenStream = tokens.by_ref().take_while(is_inside).collect();
                    match syn::parse2(line.clone()) {
                        Ok(tree) => self.tree(&tree, &[], false),
                        Err(_) => self.tokens(line),
                    }
                }
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.path(&mut path);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Group(group) => {
                    self.path(&mut path);
                    self.tokens(group.stream());
                }
                token if is_punct(&token, ':') => colons += 1,
                _ => {
                    self.path(&mut path);
                    colons = 0;
                }
            }
        }
        self.path(&mut path);
    }
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

impl<'ast> Visit<'ast> for Visitor {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() {
            self.within.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.within.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_shown = !matches!(item.vis, syn::Visibility::Inherited);
        self.tree(&item.tree, &[], is_shown);
    }

    /// `pub(in crate::room)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.import(names, None, false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}
