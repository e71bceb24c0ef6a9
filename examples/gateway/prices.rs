//! `--prices FILE`: what models cost, read at the start and again at every SIGHUP. Beside `--config`,
//! both files are read together.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use tower_ai_gateway::{PriceTable, Prices};

use super::files;
use super::hangup::Hangups;
use super::supervise::outlive;

/// A file of prices, and the prices in force, which are what it said when it was last read.
pub(crate) struct PricesFile {
    path: PathBuf,
    prices: Prices,
}

impl PricesFile {
    /// What the file says.
    pub(crate) async fn read_from(path: &Path) -> Result<Self, PricesError> {
        Ok(Self { path: path.to_owned(), prices: Prices::new(read(path).await?) })
    }

    /// A handle on the prices in force.
    pub(crate) fn prices(&self) -> Prices {
        self.prices.clone()
    }

    /// What the file says now.
    #[cfg(feature = "config")]
    pub(crate) async fn read(&self) -> Result<PriceTable, PricesError> {
        read(&self.path).await
    }

    /// Puts what was read in force.
    pub(crate) fn replace(&self, table: PriceTable) {
        let as_of = table.as_of();
        self.prices.replace(table);
        tracing::info!(file = %self.path.display(), %as_of, "the prices were read again");
    }

    /// Reads the file again at every SIGHUP from here on.
    pub(crate) fn follow(self) -> Result<(), PricesError> {
        let hangups = Hangups::listen().map_err(|error| PricesError::new(&self.path, error))?;
        tokio::spawn(self.follow_hangups(hangups));
        Ok(())
    }

    async fn follow_hangups(self, mut hangups: Hangups) {
        loop {
            let turn = async {
                hangups.next().await;
                if let Err(error) = self.renew().await {
                    tracing::error!(%error, "the prices stay as they were");
                }
            };
            outlive("prices", turn).await;
        }
    }

    async fn renew(&self) -> Result<(), PricesError> {
        self.replace(read(&self.path).await?);
        Ok(())
    }
}

async fn read(path: &Path) -> Result<PriceTable, PricesError> {
    let text = files::read(path).await;
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
        let (_directory, path) = file(&table(5));
        let prices = PricesFile::read_from(&path).await.unwrap().prices();
        assert_eq!(day(&prices), 5);
        assert!(prices.current().get("grok", "house").is_some());
        assert!(prices.current().get("grok", "grok-4.3").is_none());
    }

    #[tokio::test]
    async fn a_mistake_is_named_with_its_file_and_line() {
        let (directory, path) = file("as_of = 2026-01-05\n\nnonsense\n");
        let told = async |path: &Path| match PricesFile::read_from(path).await {
            Ok(_) => panic!("it is read"),
            Err(error) => error.to_string(),
        };
        let error = told(&path).await;
        assert!(error.contains("prices.toml: price table, line 3: "), "{error}");
        let missing = directory.path().join("missing.toml");
        let error = told(&missing).await;
        assert!(error.contains("missing.toml: "), "{error}");
    }

    #[tokio::test]
    async fn a_mistake_at_a_later_time_leaves_the_old_prices() {
        let (_directory, path) = file(&table(5));
        let file = PricesFile::read_from(&path).await.unwrap();
        fs::write(&path, "nonsense").unwrap();
        assert!(file.renew().await.is_err());
        assert_eq!(day(&file.prices()), 5);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_hangup_reads_them_again() {
        let (_directory, path) = file(&table(5));
        let file = PricesFile::read_from(&path).await.unwrap();
        let prices = file.prices();
        file.follow().unwrap();
        fs::write(&path, table(6)).unwrap();
        hang_up().await;
        until(|| day(&prices) == 6).await;
    }
}
