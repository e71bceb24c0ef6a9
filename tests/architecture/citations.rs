//! The tests that a page cites: `folder/file.rs::test`, then `::test` for more of the same file.

/// Returns the number of citations, and those whose test does not exist. `read` gives the text of a file.
pub(crate) fn check(page: &str, read: impl Fn(&str) -> Option<String>) -> (usize, Vec<String>) {
    let (mut count, mut missing) = (0, Vec::new());
    for line in page.lines() {
        let mut file = String::new();
        for quoted in line.split('`').skip(1).step_by(2) {
            let (path, test) = quoted.split_once("::").unwrap_or((quoted, ""));
            if path.ends_with(".rs") {
                path.clone_into(&mut file);
            } else if !path.is_empty() {
                continue;
            }
            if test.is_empty() || file.is_empty() {
                continue;
            }
            count += 1;
            if !read(&file).is_some_and(|text| text.contains(&format!("fn {test}("))) {
                missing.push(format!("{file}::{test}"));
            }
        }
    }
    (count, missing)
}

#[test]
fn a_citation_without_its_test_is_named() {
    let page =
        "| a | `src/a.rs` | `src/b.rs::one`, `::two`, `Type::method` |\n| b | `c.rs::three` |\n";
    let read = |path: &str| (path == "src/b.rs").then(|| "fn one() {}".to_owned());
    assert_eq!(check(page, read), (3, vec!["src/b.rs::two".into(), "c.rs::three".into()]));
}
