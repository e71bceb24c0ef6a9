//! The rooms of `src/` depend on each other in one direction, as `ARCHITECTURE.md` draws them.
//!
//! A separate program: it only reads sources, and builds in seconds.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod citations;
mod imports;
mod rules;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rules::{Module, breaches, rooms_of};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The rooms from the lowest to the highest, as the page lists them.
fn rooms() -> Vec<String> {
    rooms_of(&fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap())
}

/// Each source file of the crate that is not a test, by its module path.
fn sources() -> BTreeMap<Module, String> {
    fn walk(folder: &Path, module: &[String], all: &mut BTreeMap<Module, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if stem == "tests" {
                continue;
            }
            let inner = [module, std::slice::from_ref(&stem)].concat();
            if path.is_dir() {
                walk(&path, &inner, all);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = if ["mod", "lib"].contains(&&*stem) { module.to_vec() } else { inner };
                all.insert(Module(module), fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(&root().join("src"), &[], &mut all);
    all
}

#[test]
fn imports_run_down_and_in_no_circle() {
    let breaches = breaches(&rooms(), &sources());
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn the_page_names_every_room_and_there_are_few() {
    let mut listed = rooms();
    let mut present: Vec<_> =
        sources().into_keys().filter_map(|module| module.0.first().cloned()).collect();
    present.dedup();
    listed.sort();
    assert_eq!(listed, present);
    assert!(present.len() <= 20, "{} rooms", present.len());
}

#[test]
fn every_file_that_the_page_names_is_there() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let is_path =
        |text: &&str| text.contains('/') && (text.ends_with(".rs") || text.ends_with('/'));
    let files: Vec<_> = quoted.filter(is_path).collect();
    assert!(files.len() > 30, "{files:?}");
    let exists = |file: &&str| root().join(file).exists() || root().join("src").join(file).exists();
    let missing: Vec<_> = files.iter().filter(|file| !exists(file)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_test_that_the_page_on_security_cites_exists() {
    let page = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let (count, missing) =
        citations::check(&page, |path| fs::read_to_string(root().join(path)).ok());
    assert!(count > 300 && missing.is_empty(), "{count}, missing: {missing:#?}");
}

/// The core knows the layers below it only through the extensions of requests and responses.
#[test]
fn the_core_hardly_mentions_the_control_layers() {
    let mentions = |(module, source): (Module, String)| {
        let is_core = !matches!(module.0.first().map(|room| &**room), Some("control" | "config"));
        let count = source.matches("feature = \"control\"").count();
        (is_core && count > 0).then(|| format!("{count} in {module}"))
    };
    let mentions: Vec<_> = sources().into_iter().filter_map(mentions).collect();
    let count = |line: &String| line.split(' ').next().unwrap().parse::<usize>().unwrap();
    assert!(mentions.iter().map(count).sum::<usize>() <= 10, "{mentions:#?}");
}

fn planted(files: &[(&str, &str)]) -> Vec<String> {
    let rooms = ["low", "high"].map(String::from);
    let module = |path: &str| {
        let names = path.split('/').filter(|name| !["mod", "lib"].contains(name));
        Module(names.map(str::to_owned).collect())
    };
    let sources = files.iter().map(|(path, source)| (module(path), (*source).to_owned()));
    breaches(&rooms, &sources.collect())
}

#[test]
fn an_import_that_runs_up_is_named_with_both_files_and_the_rule() {
    let high = ("high/mod", "pub(crate) mod thing;\npub(crate) use self::thing::Thing;");
    let thing = ("high/thing", "pub(crate) struct Thing;");
    for planted_import in [
        "use crate::high::Thing;",
        "use crate::{high::{Thing as Other}};",
        "use super::super::high::thing::Thing;",
        "fn thing() -> crate::high::Thing { todo!() }",
        "pub(crate) use crate::high::Thing;",
        "pin_project! { struct Holder { thing: crate::high::Thing } }",
        "cfg_log! { use crate::{high::{Thing as Other}}; }",
        "mod inner { use crate::high::Thing; }",
        "use crate::shown::Thing;",
        "#[cfg(not(test))]\nuse crate::high::Thing;",
        "#[cfg(any(test, unix))]\nuse crate::high::Thing;",
    ] {
        let low = ("low/user", planted_import);
        let root = ("lib", "mod low;\nmod high;\npub mod shown { pub use crate::high::Thing; }");
        let found = planted(&[root, high, thing, ("low/mod", "mod user;"), low]);
        assert_eq!(found.len(), 1, "{planted_import}: {found:?}");
        assert!(found[0].contains("src/low/user") && found[0].contains("src/high"), "{found:?}");
        assert!(found[0].contains("`low` is below `high`"), "{found:?}");
    }
    for allowed in [
        "#[cfg(test)]\nmod tests {\n    use crate::high::Thing;\n}",
        "#[cfg(all(test, unix))]\nuse crate::high::Thing;",
        "pub(in crate::high) struct User;",
    ] {
        assert_eq!(planted(&[high, thing, ("low/user", allowed)]), [""; 0], "{allowed}");
    }
    let down = ("high/user", "use crate::low::Base;");
    assert_eq!(planted(&[("low/mod", "pub(crate) struct Base;"), down]), [""; 0]);
}

#[test]
fn a_circle_of_files_is_named_unless_they_are_one_concept() {
    let one = ("low/one", "use super::two::Two;\npub(crate) struct One;");
    let two = ("low/two", "use crate::low::three::Three;\npub(crate) struct Two;");
    let three = ("low/three", "use crate::low::One;\npub(crate) struct Three;");
    let facade = ("low/mod", "mod one;\nmod two;\nmod three;\npub(crate) use self::one::One;");
    let found = planted(&[facade, one, two, three]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(["one", "two", "three"].iter().all(|file| found[0].contains(file)), "{found:?}");

    // Neither a path through a child module nor a re-export hides a circle.
    let head = ("low/mod", "mod one;\npub(crate) struct L;\nfn n() -> N { one::N }");
    let one = ("low/one", "use super::L;\npub(crate) struct N(L);");
    assert_eq!(planted(&[head, one]).len(), 1);
    let head = ("low/mod", "mod one;\npub(crate) use self::one::N;\npub(crate) struct L(N);");
    assert_eq!(planted(&[head, one]).len(), 1);
    let there = ("low/there", "pub(crate) use super::back::Back;\npub(crate) struct There;");
    let back = ("low/back", "use super::there::There;\npub(crate) struct Back(There);");
    assert_eq!(planted(&[there, back]).len(), 1);

    // A service and its future, in a folder of its own, are one concept.
    let service = ("low/service/mod", "mod future;\nuse self::future::F;\npub(crate) struct S;");
    let future = ("low/service/future", "use super::S;\npub(crate) struct F;");
    assert_eq!(planted(&[service, future]), [""; 0]);

    // A folder whose many files need its head is not.
    let head = "use self::{a::A, b::B, c::C, d::D, e::E};\npub(crate) struct S;";
    let parts =
        ["low/service/a", "low/service/b", "low/service/c", "low/service/d", "low/service/e"];
    let parts = parts.map(|path| (path, "use super::S;"));
    let service = |count: usize| planted(&[&[("low/service/mod", head)], &parts[..count]].concat());
    assert_eq!((service(4).len(), service(5).len()), (0, 1));

    // Files of one folder that need each other without it are not.
    let folder =
        ("low/folder/mod", "mod one;\nmod two;\nuse self::one::One;\npub(crate) struct F;");
    let one = ("low/folder/one", "use super::{F, two::Two};\npub(crate) struct One;");
    let two = ("low/folder/two", "use super::one::One;\npub(crate) struct Two;");
    assert_eq!(planted(&[folder, one, two]).len(), 1);
}
