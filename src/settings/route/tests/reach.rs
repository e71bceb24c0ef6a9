//! Every node of a route that is built is reached, and no loop is built.

use super::*;

/// A node of an arbitrary graph.
fn any_node(count: usize) -> impl Strategy<Value = Node> {
    let name = (0..count).prop_map(|place| place.to_string());
    let names = prop::collection::vec(name.clone(), 1..4);
    let flag = || Field::metadata("flag").equals(true);
    prop_oneof![
        2 => (name.clone(), name.clone())
            .prop_map(move |(then, otherwise)| Node::when(flag(), then, otherwise)),
        2 => (names, name.clone(), any::<bool>()).prop_map(|(names, otherwise, keyed)| {
            let shares = names.into_iter().map(|name| (20, name));
            match keyed {
                true => Node::split_by(Field::metadata("id"), shares, otherwise),
                false => Node::split(shares, otherwise),
            }
        }),
        3 => prop::option::of(name).prop_map(|fallback| match fallback {
            Some(fallback) => big().fallback(fallback).into(),
            None => big().into(),
        }),
        1 => Just(Node::end()),
    ]
}

/// Which nodes each node can reach: by the closure of the relation, not by the walk under test.
fn reach(nodes: &[Node]) -> Vec<Vec<bool>> {
    let count = nodes.len();
    let mut reach = vec![vec![false; count]; count];
    for (from, node) in nodes.iter().enumerate() {
        for target in node.targets() {
            reach[from][target.parse::<usize>().unwrap()] = true;
        }
    }
    for over in 0..count {
        for from in 0..count {
            for to in 0..count {
                reach[from][to] |= reach[from][over] && reach[over][to];
            }
        }
    }
    reach
}

proptest! {
    #[test]
    fn a_graph_is_refused_or_every_way_through_it_ends(
        nodes in (1_usize..8).prop_flat_map(|count| prop::collection::vec(any_node(count), count)),
        ids in prop::collection::vec(any::<u32>(), 8),
    ) {
        let count = nodes.len();
        let reach = reach(&nodes);
        let is_met = |place: usize| place == 0 || reach[0][place];
        let loops = (0..count).any(|place| is_met(place) && reach[place][place]);
        let is_end = |place: usize| nodes[place] == Node::end();
        let all_met = (0..count).all(|place| is_met(place) || is_end(place));
        let has_model = nodes.iter().any(|node| matches!(node.0, Kind::Model(_)));

        let route = DynamicRoute::builder("generated").start("0");
        let named = nodes.iter().enumerate();
        let route = named.fold(route, |route, (place, node)| route.node(place.to_string(), node.clone()));
        match route.build() {
            Err(error) => match error.kind() {
                RouteErrorKind::Loop => {
                    let place: usize = error.node().unwrap().parse().unwrap();
                    prop_assert!(reach[place][place]);
                }
                RouteErrorKind::Unreachable => prop_assert!(!loops && !all_met),
                RouteErrorKind::NoModel => prop_assert!(!loops && all_met && !has_model),
                other => prop_assert!(false, "{other:?}"),
            },
            Ok(route) => {
                prop_assert!(!loops && all_met && has_model);
                for id in ids {
                    let json = format!(r#"{{"id":{id},"flag":{}}}"#, id % 2 == 0);
                    let (metadata, _) = Metadata::parse(json.as_bytes(), |_| false).unwrap();
                    let (headers, body) = (HeaderMap::new(), BodyScalars::default());
                    let facts = Facts { identity: None, metadata: &metadata, headers: &headers, body: &body };
                    let chain = route.resolve(&facts);
                    prop_assert!(chain.len() <= count);
                    for pair in chain.windows(2) {
                        let [from, to] = [0, 1].map(|at| pair[at].node.parse::<usize>().unwrap());
                        prop_assert!(reach[from][to]);
                    }
                }
            }
        }
    }
}
