//! `--prices FILE`: what models cost, read at the start and again at every SIGHUP.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use tower_ai_gateway::{PriceTable, Prices};

use super::hangup::Hangups;

/// The prices of the file, or where none is given, the built-in ones.
pub(crate) async fn start(file: Option<&Path>) -> Result<Prices, PricesError> {
    let Some(path) = file else { return Ok(Prices::default()) };
    let prices = Prices::new(read(path).await?);
    let hangups = Hangups::listen().map_err(|error| PricesError::new(path, error))?;
    tokio::spawn(follow(path.to_owned(), prices.clone(), hangups));
    Ok(prices)
}

/// Reads the file again at every SIGHUP from here on.
async fn follow(path: PathBuf, prices: Prices, mut hangups: Hangups) {
    loop {
        hangups.next().await;
        match renew(&path, &prices).await {
            Ok(()) => {
                let as_of = prices.current().as_of();
                tracing::info!(file = %path.display(), %as_of, "the prices were read again");
            }
            Err(error) => tracing::error!(%error, "the prices stay as they were"),
        }
    }
}

async fn renew(path: &Path, prices: &Prices) -> Result<(), PricesError> {
    prices.replace(read(path).await?);
    Ok(())
}

async fn read(path: &Path) -> Result<PriceTable, PricesError> {
    let text = tokio::fs::read_to_string(path).await;
    let text = text.map_err(|error| PricesError::new(path, error))?;
    PriceTable::from_toml(&text).map_err(|error| PricesError::new(path, error))
}

/// A price table that cannot be had.
#[derive(Debug)]
pub(crate) struct PricesError {
    path: PathBuf,
    cause: Box<dyn Error + Send + Sync>,
}

impl PricesError {
    fn new(path: &Path, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { path: path.to_owned(), cause: cause.into() }
    }
}

impl fmt::Display for PricesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the prices in {}: {}", self.path.display(), self.cause)
    }
}

impl Error for PricesError {}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    #[cfg(unix)]
    use crate::gateway::hangup::{hang_up, until};

    fn table(day: u8) -> String {
        format!(
            "as_of = 2026-01-{day:02}\n[models.\"house\"]\ninput = 1.00\ncached_input = 1.00\noutput = 2.00\n"
        )
    }

    fn file(text: &str) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("prices.toml");
        fs::write(&path, text).unwrap();
        (directory, path)
    }

    fn day(prices: &Prices) -> u8 {
        prices.current().as_of().day
    }

    #[tokio::test]
    async fn the_prices_are_those_of_the_file() {
        assert!(start(None).await.unwrap().current().get("grok", "grok-4.3").is_some());
        let (_directory, path) = file(&table(5));
        let prices = start(Some(&path)).await.unwrap();
        assert_eq!(day(&prices), 5);
        assert!(prices.current().get("grok", "house").is_some());
        assert!(prices.current().get("grok", "grok-4.3").is_none());
    }

    #[tokio::test]
    async fn a_mistake_is_named_with_its_file_and_line() {
        let (directory, path) = file("as_of = 2026-01-05\n\nnonsense\n");
        let error = start(Some(&path)).await.unwrap_err().to_string();
        assert!(error.contains("prices.toml: price table, line 3: "), "{error}");
        let missing = directory.path().join("missing.toml");
        let error = start(Some(&missing)).await.unwrap_err().to_string();
        assert!(error.contains("missing.toml: "), "{error}");
    }

    #[tokio::test]
    async fn a_mistake_at_a_later_time_leaves_the_old_prices() {
        let (_directory, path) = file(&table(5));
        let prices = Prices::new(read(&path).await.unwrap());
        fs::write(&path, "nonsense").unwrap();
        assert!(renew(&path, &prices).await.is_err());
        assert_eq!(day(&prices), 5);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_hangup_reads_them_again() {
        let (_directory, path) = file(&table(5));
        let prices = start(Some(&path)).await.unwrap();
        fs::write(&path, table(6)).unwrap();
        hang_up().await;
        until(|| day(&prices) == 6).await;
    }
}
