//! All dynamic routes of a gateway.

use super::DynamicRoute;
use super::error::{RouteError, RouteErrorKind};

/// Dynamic routes by name and version. The last added version of a name is deployed.
///
/// ```
/// use tower_ai_gateway::settings::route::{DynamicRoute, DynamicRoutes, Node, RouteError};
///
/// let version = |version: &str| {
///     let route = DynamicRoute::builder("support").version(version).start("main");
///     route.node("main", Node::model("grok", "grok-4")).build()
/// };
/// let mut routes = DynamicRoutes::new();
/// routes.add(version("1")?)?;
/// routes.add(version("2")?)?;
/// assert_eq!(routes.find("support").unwrap().version(), "2");
/// assert!(routes.find("support@1").is_some());
/// # Ok::<(), RouteError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct DynamicRoutes(Vec<DynamicRoute>);

impl DynamicRoutes {
    /// Creates an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route and deploys it.
    ///
    /// # Errors
    ///
    /// [`RouteErrorKind::DuplicateVersion`] if that name and version exist already.
    pub fn add(&mut self, route: DynamicRoute) -> Result<(), RouteError> {
        if self.version(route.name(), route.version()).is_some() {
            let kind = RouteErrorKind::DuplicateVersion { version: route.version().into() };
            return Err(RouteError::of_route(route.name(), kind));
        }
        self.0.push(route);
        Ok(())
    }

    /// Finds the route by what follows `dynamic/` in a model name: `support` is the deployed
    /// version, `support@2` is version `2`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&DynamicRoute> {
        match name.split_once('@') {
            Some((name, version)) => self.version(name, version),
            None => self.0.iter().rev().find(|route| route.name() == name),
        }
    }

    /// All routes, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &DynamicRoute> {
        self.0.iter()
    }

    /// The number of routes; each version counts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn version(&self, name: &str, version: &str) -> Option<&DynamicRoute> {
        self.0.iter().find(|route| route.name() == name && route.version() == version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::route::Node;

    fn route(name: &str, version: &str) -> DynamicRoute {
        let route = DynamicRoute::builder(name).start("only").version(version);
        route.node("only", Node::model("grok", "grok-4")).build().unwrap()
    }

    #[test]
    fn the_version_added_last_is_deployed() {
        let mut routes = DynamicRoutes::new();
        assert!(routes.is_empty());
        for (name, version) in
            [("support", "1"), ("support", "3"), ("other", "9"), ("support", "2")]
        {
            routes.add(route(name, version)).unwrap();
        }
        let find = |name| routes.find(name).map(|route| (route.name(), route.version()));
        assert_eq!(find("support"), Some(("support", "2")));
        assert_eq!(find("support@1"), Some(("support", "1")));
        assert_eq!(find("support@3"), Some(("support", "3")));
        assert_eq!(find("other"), Some(("other", "9")));
        for name in ["", "@", "support@", "support@4", "support@1@1", "Support", "@1", "supp"] {
            assert_eq!(find(name), None, "{name}");
        }
        assert_eq!(routes.iter().count(), routes.len());
    }

    #[test]
    fn the_same_version_twice_is_refused() {
        let mut routes = DynamicRoutes::new();
        routes.add(route("support", "1")).unwrap();
        let error = routes.add(route("support", "1")).unwrap_err();
        assert_eq!(error.to_string(), "dynamic route `support`: its version `1` is there twice");
        assert_eq!(error.kind(), &RouteErrorKind::DuplicateVersion { version: "1".into() });
        assert_eq!(routes.len(), 1);
    }
}
