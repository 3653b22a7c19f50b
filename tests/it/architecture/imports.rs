//! Finds which files of the crate use items of which other files.
//!
//! It parses the sources from `lib.rs` on, follows each `mod` line, and leaves out code that only tests
//! compile. Every path counts, wherever it stands: in a `use`, in a type, in an expression, in the tokens of
//! a macro. It follows re-exports and renamed imports, so that a path leads to the file that defines its
//! item. It does not see method calls: a path does not tell in which file the `impl` of a method stands.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The path of a module or an item, from the crate's root on.
type Names = Vec<String>;

/// For each file, the other files whose items it names, with the first line that does.
pub type FileArrows = BTreeMap<PathBuf, BTreeMap<PathBuf, usize>>;

/// What a name stands for in a module.
enum Meaning {
    /// An item that the module itself defines.
    Defined,
    /// An import, with the path that it stands for.
    Import(Names),
}

struct Module {
    file: PathBuf,
    meanings: HashMap<String, Meaning>,
    /// Paths of glob imports.
    globs: Vec<Names>,
}

/// The modules of a crate, and the paths that each of its files names, with their lines.
#[derive(Default)]
pub struct Imports {
    modules: HashMap<Names, Module>,
    named: Vec<(PathBuf, Names, usize)>,
}

/// What a path leads to.
enum Target {
    /// An item, which this file defines.
    Item(PathBuf),
    /// A module; the path names no item in it.
    Module,
    /// Something outside the crate.
    Elsewhere,
}

impl Imports {
    /// Reads the crate with `lib.rs` in the folder `root`. Paths of files are relative to `root`.
    pub fn read(root: &Path) -> Self {
        let mut imports = Self::default();
        imports.read_module(root, Path::new("lib.rs"), Names::new());
        imports
    }

    /// Every file of the crate, and the files that its paths lead to.
    pub fn arrows(&self) -> FileArrows {
        let files = self.modules.values().map(|module| (module.file.clone(), BTreeMap::new()));
        let mut arrows: FileArrows = files.collect();
        for (file, path, line) in &self.named {
            if let Target::Item(defining) = self.find(path, 0)
                && defining != *file
            {
                let first = arrows.entry(file.clone()).or_default().entry(defining).or_insert(*line);
                *first = (*first).min(*line);
            }
        }
        arrows
    }

    fn read_module(&mut self, root: &Path, file: &Path, module: Names) {
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        self.read_items(root, file, module, &parsed.items);
    }

    fn read_items(&mut self, root: &Path, file: &Path, module: Names, items: &[syn::Item]) {
        let (meanings, globs) = (HashMap::new(), Vec::new());
        self.modules.insert(module.clone(), Module { file: file.to_owned(), meanings, globs });
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            if let syn::Item::Mod(child) = item {
                let mut path = module.clone();
                path.push(child.ident.to_string());
                match &child.content {
                    Some((_, items)) => self.read_items(root, file, path, items),
                    None => self.read_module(root, &file_of(root, &path), path),
                }
            } else {
                if let Some(name) = defined(item) {
                    self.mean(&module, name, Meaning::Defined);
                }
                let mut paths = Paths { imports: self, module: &module, named: Vec::new() };
                paths.visit_item(item);
                let named = paths.named.into_iter().map(|(path, line)| (file.to_owned(), path, line));
                self.named.extend(named.collect::<Vec<_>>());
            }
        }
    }

    fn mean(&mut self, module: &Names, name: String, meaning: Meaning) {
        let module = self.modules.get_mut(module).unwrap();
        module.meanings.entry(name).or_insert(meaning);
    }

    /// Follows a path from the crate's root on. A path that no module of the crate explains leads elsewhere.
    fn find(&self, path: &[String], depth: usize) -> Target {
        // A longer chain of re-exports would be a ring, which does not compile.
        assert!(depth < 32, "{path:?} leads nowhere");
        let mut within = Names::new();
        for (place, name) in path.iter().enumerate() {
            let Some(module) = self.modules.get(&within) else { return Target::Elsewhere };
            let rest = &path[place + 1..];
            let mut child = within.clone();
            child.push(name.clone());
            let is_module = self.modules.contains_key(&child);
            match module.meanings.get(name) {
                Some(Meaning::Defined) if rest.is_empty() || !is_module => {
                    return Target::Item(module.file.clone());
                }
                // `use a::a` without a module `a`: a crate of that name.
                Some(Meaning::Import(to)) if !is_module && to.starts_with(&child) => {
                    return Target::Elsewhere;
                }
                Some(Meaning::Import(to)) if !is_module => return self.find(&[to, rest].concat(), depth + 1),
                _ if is_module => within = child,
                _ => {
                    let everything = module.globs.iter().map(|glob| [glob, &path[place..]].concat());
                    let found = everything.map(|path| self.find(&path, depth + 1));
                    let found = found.into_iter().find(|target| matches!(target, Target::Item(_)));
                    return found.unwrap_or(Target::Elsewhere);
                }
            }
        }
        Target::Module
    }
}

/// Collects the paths of one item, as paths from the crate's root, and records its imports.
struct Paths<'a> {
    imports: &'a mut Imports,
    module: &'a Names,
    named: Vec<(Names, usize)>,
}

impl Paths<'_> {
    fn absolute(&self, path: &[String]) -> Names {
        let mut within = self.module.clone();
        let mut rest = path;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => within.clear(),
                "self" => {}
                "super" => drop(within.pop()),
                _ => break,
            }
            rest = after;
        }
        within.extend_from_slice(rest);
        within
    }

    fn import(&mut self, tree: &syn::UseTree, path: &mut Names, is_public: bool) {
        match tree {
            syn::UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.import(&part.tree, path, is_public);
                path.pop();
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.import(tree, path, is_public));
            }
            syn::UseTree::Glob(_) => {
                let from = self.absolute(path);
                self.imports.modules.get_mut(self.module).unwrap().globs.push(from);
            }
            syn::UseTree::Name(leaf) => self.import_as(&leaf.ident, &leaf.ident, path, is_public),
            syn::UseTree::Rename(leaf) => self.import_as(&leaf.ident, &leaf.rename, path, is_public),
        }
    }

    fn import_as(&mut self, name: &syn::Ident, rename: &syn::Ident, path: &Names, is_public: bool) {
        let mut to = path.clone();
        let mut known_as = rename.to_string();
        if name != "self" {
            to.push(name.to_string());
        } else if rename == "self" {
            known_as = path.last().unwrap().clone();
        }
        // Without one of these names at its start, the path leads to another crate or to a child module.
        let is_own = matches!(to[0].as_str(), "crate" | "self" | "super");
        let to = if is_own { self.absolute(&to) } else { [self.module, &to[..]].concat() };
        if to.len() <= self.module.len() || to[..] != [self.module, &[known_as.clone()][..]].concat() {
            // A re-export does not count as a use.
            if !is_public {
                self.named.push((to.clone(), line_of(name)));
            }
            self.imports.mean(self.module, known_as, Meaning::Import(to));
        }
    }

    fn name_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<syn::Ident> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if path.is_empty() || colons == 2 => path.push(name),
                TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                token => {
                    self.name_path(&path);
                    path.clear();
                    match token {
                        TokenTree::Ident(name) => path.push(name),
                        TokenTree::Group(group) => self.name_tokens(group.stream()),
                        TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                    }
                }
            }
            colons = 0;
        }
        self.name_path(&path);
    }

    fn name_path(&mut self, path: &[syn::Ident]) {
        // A single name in a macro may be anything.
        if let [first, _, ..] = path {
            let names: Names = path.iter().map(syn::Ident::to_string).collect();
            self.named.push((self.absolute(&names), line_of(first)));
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        self.import(&item.tree, &mut Names::new(), is_public);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.named
            .push((self.absolute(&names), path.segments.first().map_or(0, |first| line_of(&first.ident))));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.name_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }
}

fn line_of(name: &syn::Ident) -> usize {
    name.span().start().line
}

/// The file of a module, below `root`.
fn file_of(root: &Path, module: &Names) -> PathBuf {
    let folder: PathBuf = module.iter().collect();
    let beside = folder.with_extension("rs");
    if root.join(&beside).exists() { beside } else { folder.join("mod.rs") }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    let tests = attributes.iter().filter_map(|attribute| attribute.meta.require_list().ok());
    tests
        .filter(|list| list.path.is_ident("cfg"))
        .any(|list| list.tokens.clone().into_iter().any(|token| token.to_string() == "test"))
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines.
fn defined(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
