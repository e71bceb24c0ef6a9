//! [`Prices`]: a handle to replace the price table at run time.

use std::sync::{Arc, PoisonError, RwLock};

use super::PriceTable;
use super::builtin::BUILTIN;
use crate::usage::price::Price;

/// A handle to the price table in use; its clones share the table.
///
/// Each exchange reads the table once, at its end, so a change applies to exchanges that end later.
///
/// ```
/// use tower_ai_gateway::usage::{Price, Prices, TokenPrice};
/// use tower_ai_gateway::{GatewayLayer, Provider};
///
/// let prices = Prices::default();
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).prices(prices.clone()).build()?;
/// // Later, while requests are under way:
/// prices.insert("grok/my-model", Price::per_token(TokenPrice::new(30_000, 7_500, 150_000)));
/// assert!(prices.current().get("grok", "my-model").is_some());
/// # let _ = gateway;
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prices {
    table: Arc<RwLock<Arc<PriceTable>>>,
}

impl Default for Prices {
    fn default() -> Self {
        Self { table: Arc::new(RwLock::new(Arc::clone(&BUILTIN))) }
    }
}

impl Prices {
    /// Creates a handle to `table`.
    #[must_use]
    pub fn new(table: PriceTable) -> Self {
        Self { table: Arc::new(RwLock::new(Arc::new(table))) }
    }

    /// The table in use.
    #[must_use]
    pub fn current(&self) -> Arc<PriceTable> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns true if two names are of one model: by this table, or by the built-in one.
    pub(crate) fn are_of_one_model(
        &self,
        provider: &str,
        kind: Option<&str>,
        names: [&str; 2],
    ) -> bool {
        self.current().has_one_row(provider, kind, names)
            || BUILTIN.has_one_row(provider, kind, names)
    }

    /// Replaces the table in use.
    pub fn replace(&self, table: PriceTable) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    /// Adds or replaces one row of the table in use.
    pub fn insert(&self, model: impl Into<Box<str>>, price: Price) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut table).insert(model, price);
    }
}
