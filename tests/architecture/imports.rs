//! Collects the imports of a file: its `use` lines, and the paths in its code.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path as it is written, such as `crate::json::string`, and the name that a `use` gives it.
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    pub(crate) name: Option<String>,
    /// `pub use` and `pub(crate) use`: others may find the item here.
    pub(crate) is_shown: bool,
    /// The number of inline modules around it.
    pub(crate) depth: usize,
}

/// All imports of a file, without those of its tests.
pub(crate) fn of(source: &str) -> Vec<Import> {
    let file = syn::parse_file(source).expect("the file is Rust");
    let mut visitor = Visitor { imports: Vec::new(), depth: 0 };
    visitor.visit_file(&file);
    visitor.imports
}

struct Visitor {
    imports: Vec<Import>,
    depth: usize,
}

/// Returns true if an item is only compiled in tests: `cfg(test)`, `cfg(any(test, …))`.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let words = list.tokens.to_string();
        let mut words = words.split(|character: char| !character.is_alphanumeric());
        list.path.is_ident("cfg") && words.any(|word| word == "test")
    })
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
    fn tree(&mut self, tree: &syn::UseTree, before: &[String], is_shown: bool) {
        let depth = self.depth;
        let mut leaf = |last: &syn::Ident, name: &syn::Ident| {
            let last = last.to_string();
            let path = if last == "self" { before.to_vec() } else { [before, &[last]].concat() };
            let name = if name == "self" { path.last().cloned() } else { Some(name.to_string()) };
            self.imports.push(Import { path, name, is_shown, depth });
        };
        match tree {
            syn::UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                self.tree(&path.tree, &before, is_shown);
            }
            syn::UseTree::Name(name) => leaf(&name.ident, &name.ident),
            syn::UseTree::Rename(rename) => leaf(&rename.ident, &rename.rename),
            syn::UseTree::Glob(_) => {
                self.imports.push(Import { path: before.to_vec(), name: None, is_shown, depth });
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before, is_shown);
                }
            }
        }
    }

    fn path(&mut self, path: Vec<String>) {
        let is_own = |first: &String| ["crate", "super", "self"].contains(&&**first);
        if path.len() > 1 && path.first().is_some_and(is_own) {
            self.imports.push(Import { path, name: None, is_shown: false, depth: self.depth });
        }
    }

    /// The paths among the tokens of a macro, which are not parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.path(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.path(std::mem::take(&mut path));
                    self.tokens(group.stream());
                }
                _ => {
                    self.path(std::mem::take(&mut path));
                    colons = 0;
                }
            }
        }
        self.path(path);
    }
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
        self.depth += usize::from(item.content.is_some());
        visit::visit_item_mod(self, item);
        self.depth -= usize::from(item.content.is_some());
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_shown = !matches!(item.vis, syn::Visibility::Inherited);
        self.tree(&item.tree, &[], is_shown);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.path(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}
