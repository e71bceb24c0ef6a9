//! The rules: imports lead down through the rooms and form no cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::imports::{self, Import};

/// A module of the crate by its path; the crate itself is the empty one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Module(pub(crate) Vec<String>);

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}", self.0.join("/"))
    }
}

impl Module {
    fn room(&self) -> Option<&String> {
        self.0.first()
    }

    fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

/// The rooms in the fenced block of the page that is marked `rooms`, lowest first.
pub(crate) fn rooms_of(page: &str) -> Vec<String> {
    let block = page.split("```rooms\n").nth(1).and_then(|rest| rest.split("```").next());
    let lines = block.expect("the page has a block `rooms`").lines().rev();
    let room = |line: &str| line.split_whitespace().next().map(str::to_owned);
    lines.filter_map(room).collect()
}

/// The files that each file imports from.
type Graph = BTreeMap<Module, BTreeSet<Module>>;

/// The re-exports of each module, inline modules too: a name, and the path behind it.
type Names = BTreeMap<Module, BTreeMap<String, Vec<String>>>;

/// All imports, each resolved to the file that defines the item. A folder's head that re-exports an
/// item of its own folder does not import it, unless it uses the item itself.
fn graph(sources: &BTreeMap<Module, String>) -> Graph {
    let imports: BTreeMap<_, _> =
        sources.iter().map(|(module, source)| (module, imports::of(source))).collect();
    let mut names = Names::new();
    for (module, imports) in &imports {
        for import in imports.iter().filter(|import| import.is_shown) {
            let path = absolute(import, module, sources, &Names::new());
            if let (Some(name), Some(path)) = (&import.name, path) {
                let inner = Module([&*module.0, &import.within].concat());
                names.entry(inner).or_default().insert(name.clone(), path);
            }
        }
    }
    let mut graph = Graph::new();
    for (module, imports) in imports {
        for import in imports {
            let Some(path) = absolute(&import, module, sources, &names) else { continue };
            let target = definition(&path, &names, sources, 0);
            if target != *module && !(import.is_shown && target.is_within(module)) {
                graph.entry(module.clone()).or_default().insert(target);
            }
        }
    }
    graph
}

/// The path of an import from the root of the crate; `None` for other crates and for local names.
fn absolute(
    import: &Import,
    module: &Module,
    sources: &BTreeMap<Module, String>,
    names: &Names,
) -> Option<Vec<String>> {
    let here = Module([&*module.0, &import.within].concat());
    let (mut base, rest) = match &**import.path.first()? {
        "crate" => (Vec::new(), &import.path[1..]),
        "self" | "super" => (here.0, &*import.path),
        name => {
            let child = Module([&*here.0, &[name.to_owned()]].concat());
            let is_child = import.path.len() > 1 && sources.contains_key(&child);
            let is_re_export = names.get(&here).is_some_and(|names| names.contains_key(name));
            (is_child || is_re_export).then_some(())?;
            (here.0, &*import.path)
        }
    };
    for name in rest {
        match &**name {
            "self" => {}
            "super" => drop(base.pop()),
            name => base.push(name.to_owned()),
        }
    }
    Some(base)
}

/// The file that defines what a path names, through all re-exports.
fn definition(
    path: &[String],
    names: &Names,
    sources: &BTreeMap<Module, String>,
    depth: usize,
) -> Module {
    let longest = |is_there: &dyn Fn(&Module) -> bool| {
        let prefixes = (0..=path.len()).rev().map(|length| Module(path[..length].to_vec()));
        prefixes.into_iter().find(is_there).unwrap_or(Module(Vec::new()))
    };
    let module = longest(&|module| sources.contains_key(module) || names.contains_key(module));
    let length = module.0.len();
    match path.get(length).and_then(|name| names.get(&module)?.get(name)) {
        Some(next) if depth < 16 && next[..] != path[..=length] => {
            let further = [&next[..], &path[length + 1..]].concat();
            definition(&further, names, sources, depth + 1)
        }
        _ => longest(&|module| sources.contains_key(module)),
    }
}

/// The violations of the rules, one line each.
pub(crate) fn breaches(rooms: &[String], sources: &BTreeMap<Module, String>) -> Vec<String> {
    let graph = graph(sources);
    let level = |module: &Module| {
        let room = module.room()?;
        rooms.iter().position(|listed| listed == room)
    };
    let mut found = Vec::new();
    for (from, targets) in &graph {
        for to in targets {
            let (Some(low), Some(high)) = (level(from), level(to)) else { continue };
            if low < high {
                let (low, high) = (&rooms[low], &rooms[high]);
                found.push(format!(
                    "{from} imports {to}: `{low}` is below `{high}` in ARCHITECTURE.md, and imports run down"
                ));
            }
        }
    }
    for circle in circles(&graph) {
        if !is_one_concept(&circle, &graph) {
            let files: Vec<_> = circle.iter().map(Module::to_string).collect();
            found.push(format!("a circle: {} import each other", files.join(", ")));
        }
    }
    found
}

/// More parts are the files of a folder, not those of a type.
const MOST_PARTS: usize = 4;

/// Returns true for a type and its own future, builder or body: a file and a few files in its folder,
/// which form no circle without it.
fn is_one_concept(circle: &[Module], edges: &Graph) -> bool {
    let Some(head) = circle.iter().min_by_key(|module| module.0.len()) else { return false };
    let parts: BTreeSet<_> = circle.iter().filter(|module| *module != head).cloned().collect();
    let between = |(from, to): (&Module, &BTreeSet<Module>)| {
        parts.contains(from).then(|| (from.clone(), to.intersection(&parts).cloned().collect()))
    };
    let rest: Graph = edges.iter().filter_map(between).collect();
    head.0.len() > 1
        && parts.len() <= MOST_PARTS
        && parts.iter().all(|module| module.is_within(head))
        && circles(&rest).iter().all(|circle| is_one_concept(circle, &rest))
}

/// The groups of files that import each other in a cycle.
fn circles(edges: &Graph) -> Vec<Vec<Module>> {
    let reach = |start: &Module| {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(module) = open.pop() {
            for next in edges.get(module).into_iter().flatten() {
                if next.room() == start.room() && seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = edges.keys().map(|module| (module, reach(module))).collect();
    let mut found: Vec<Vec<Module>> = Vec::new();
    for (module, seen) in &reached {
        if !seen.contains(*module) || found.iter().any(|circle| circle.contains(module)) {
            continue;
        }
        let back = |other: &&Module| reached.get(other).is_some_and(|seen| seen.contains(*module));
        found.push(seen.iter().filter(back).cloned().collect());
    }
    found
}
