//! `--prices FILE`: the prices of models, read at the start and again at every SIGHUP. With `--config`,
//! both files are read together. The file is your own table or a catalogue.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

#[cfg(feature = "prices")]
use tower_ai_gateway::usage::{Date, PriceReport};
use tower_ai_gateway::usage::{PriceTable, Prices};

use super::files;
use super::hangup::Hangups;
use super::supervise::outlive;

/// A file of prices, and the prices in force, as of its last reading.
pub(crate) struct PricesFile {
    path: PathBuf,
    prices: Prices,
}

impl PricesFile {
    /// Reads the file.
    pub(crate) async fn read_from(path: &Path) -> Result<Self, PricesError> {
        let Contents { table, report } = read(path).await?;
        tracing::info!(file = %path.display(), as_of = %table.as_of(), "the prices are {report}");
        Ok(Self { path: path.to_owned(), prices: Prices::new(table) })
    }

    /// A handle to the prices in force.
    pub(crate) fn prices(&self) -> Prices {
        self.prices.clone()
    }

    /// Reads the file again.
    #[cfg(feature = "config")]
    pub(crate) async fn read(&self) -> Result<Contents, PricesError> {
        read(&self.path).await
    }

    /// Puts these prices in force.
    pub(crate) fn replace(&self, Contents { table, report }: Contents) {
        let as_of = table.as_of();
        self.prices.replace(table);
        let file = self.path.display();
        tracing::info!(%file, %as_of, "prices reloaded: {report}");
    }

    /// Reads the file again at every SIGHUP.
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
                    tracing::error!(%error, "prices not reloaded: nothing has changed");
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

/// The contents of a file.
pub(crate) struct Contents {
    table: PriceTable,
    /// The format, the number of rows in force, and why others were skipped.
    report: String,
}

/// Catalogues have a few MiB.
#[cfg(feature = "prices")]
const MOST: u64 = 64 * 1024 * 1024;

#[cfg(feature = "prices")]
async fn read(path: &Path) -> Result<Contents, PricesError> {
    let wrong = |error: Box<dyn Error + Send + Sync>| PricesError::new(path, error);
    let text = files::read_up_to(path, MOST).await;
    let (text, changed) = text.map_err(|error| wrong(error.into()))?;
    // Reading a large file takes a while.
    let read = tokio::task::spawn_blocking(move || PriceTable::read(&text, Date::from(changed)));
    let read = read.await.map_err(|error| wrong(error.into()))?;
    let (table, report): (PriceTable, PriceReport) = read.map_err(|error| wrong(error.into()))?;
    Ok(Contents { table, report: report.to_string() })
}

/// A build without the feature refuses the option.
#[cfg(not(feature = "prices"))]
async fn read(path: &Path) -> Result<Contents, PricesError> {
    let text = files::read(path).await;
    text.map_err(|error| PricesError::new(path, error))?;
    Err(PricesError::new(path, "this build is without the feature `prices`"))
}

/// A price table that cannot be read.
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
#[cfg(feature = "prices")]
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
    async fn the_prices_come_from_the_file() {
        let (_directory, path) = file(&table(5));
        let prices = PricesFile::read_from(&path).await.unwrap().prices();
        assert_eq!(day(&prices), 5);
        assert!(prices.current().get("grok", "house").is_some());
        assert!(prices.current().get("grok", "grok-4.3").is_none());
    }

    #[tokio::test]
    async fn a_catalogue_is_detected_from_its_text_and_has_the_date_of_its_file() {
        let row = r#"{"litellm_provider":"openai","input_cost_per_token":1e-06}"#;
        let free = r#"{"litellm_provider":"openai","input_cost_per_token":0}"#;
        let (_directory, path) = file(&format!(r#"{{"gpt-x":{row},"free":{free}}}"#));
        let Contents { table, report } = read(&path).await.unwrap();
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(table.as_of(), Date::from(changed));
        assert!(table.get("openai", "gpt-x").is_some());
        assert_eq!(report, "LiteLLM, 1 rows; 1 left out: 1 for no price but zero (openai/free)");
    }

    #[tokio::test]
    async fn a_file_of_more_than_64_mib_is_not_read() {
        let (_directory, path) = file("");
        fs::File::create(&path).unwrap().set_len(MOST + 1).unwrap();
        let error = read(&path).await.err().unwrap().to_string();
        assert!(error.ends_with("it is larger than 64 MiB"), "{error}");
    }

    #[tokio::test]
    async fn a_mistake_is_reported_with_its_file_and_line() {
        let (directory, path) = file("as_of = 2026-01-05\n\nnonsense\n");
        let report = async |path: &Path| match PricesFile::read_from(path).await {
            Ok(_) => panic!("it is read"),
            Err(error) => error.to_string(),
        };
        let error = report(&path).await;
        assert!(error.contains("prices.toml: price table, line 3: "), "{error}");
        let missing = directory.path().join("missing.toml");
        let error = report(&missing).await;
        assert!(error.contains("missing.toml: "), "{error}");
    }

    #[tokio::test]
    async fn a_later_mistake_leaves_the_old_prices() {
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
