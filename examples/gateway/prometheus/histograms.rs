//! Histograms that count each value when it is recorded.
//!
//! The exporter stores each value with its time and sorts values into buckets later: per value that
//! takes several times as long as the two atomic additions here, and memory until then.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use metrics_exporter_prometheus::formatting::{
    sanitize_metric_name, write_help_line, write_metric_line, write_type_line,
};
use metrics_exporter_prometheus::{LabelSet, PrometheusRecorder};

/// The upper bounds of a metric's buckets.
type Bounds = fn(&str) -> &'static [f64];

/// The exporter's recorder, with these histograms in place of its own.
pub(super) struct WithHistograms {
    exporter: PrometheusRecorder,
    histograms: Histograms,
}

/// All histograms of a recorder; clones share them.
#[derive(Clone)]
pub(super) struct Histograms {
    bounds: Bounds,
    /// By their names on the page.
    families: Arc<Mutex<BTreeMap<String, Family>>>,
}

/// The histograms with one name.
#[derive(Default)]
struct Family {
    description: Option<(SharedString, Option<Unit>)>,
    series: HashMap<Key, Arc<Buckets>>,
}

struct Buckets {
    bounds: &'static [f64],
    /// One more than bounds: the last counts values above all of them.
    counts: Box<[AtomicU64]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl Histograms {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, families: Arc::default() }
    }

    /// Replaces the exporter's histograms.
    pub(super) fn over(&self, exporter: PrometheusRecorder) -> WithHistograms {
        WithHistograms { exporter, histograms: self.clone() }
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<String, Family>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the page as the exporter does with its recommended naming.
    pub(super) fn render(&self) -> String {
        let mut page = String::new();
        for (name, family) in &*self.families() {
            if family.series.is_empty() {
                continue;
            }
            let unit = family.description.as_ref().and_then(|(text, unit)| {
                write_help_line(&mut page, name, *unit, None, text);
                *unit
            });
            write_type_line(&mut page, name, unit, None, "histogram");
            for (key, buckets) in &family.series {
                let labels = LabelSet::from_key_and_global(key, &Default::default());
                buckets.write(&mut page, name, &labels, unit);
            }
            page.push('\n');
        }
        page
    }
}

impl Buckets {
    fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    fn write(&self, page: &mut String, name: &str, labels: &LabelSet, unit: Option<Unit>) {
        let mut count = 0;
        let mut bounds = self.bounds.iter();
        for bucket in &self.counts {
            count += bucket.load(Ordering::Relaxed);
            match bounds.next() {
                Some(bound) => {
                    let le = Some(("le", bound));
                    write_metric_line(page, name, Some("bucket"), labels, le, count, unit);
                }
                None => {
                    let le = Some(("le", "+Inf"));
                    write_metric_line(page, name, Some("bucket"), labels, le, count, unit);
                }
            }
        }
        let sum = f64::from_bits(self.sum.load(Ordering::Relaxed));
        let none = None::<(&str, &str)>;
        write_metric_line(page, name, Some("sum"), labels, none, sum, unit);
        write_metric_line(page, name, Some("count"), labels, none, count, unit);
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| value > *bound);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl Recorder for WithHistograms {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.exporter.describe_counter(name, unit, text);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.exporter.describe_gauge(name, unit, text);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        let mut families = self.histograms.families();
        let family = families.entry(sanitize_metric_name(name.as_str())).or_default();
        family.description.get_or_insert((text, unit));
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.exporter.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.exporter.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let mut families = self.histograms.families();
        let family = families.entry(sanitize_metric_name(key.name())).or_default();
        let bounds = (self.histograms.bounds)(key.name());
        let make = || Arc::new(Buckets::new(bounds));
        Histogram::from_arc(family.series.entry(key.clone()).or_insert_with(make).clone())
    }
}

#[cfg(test)]
mod tests {
    use metrics::{Label, Level};
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    const BOUNDS: [f64; 3] = [0.01, 1.0, 64.0];

    fn measure(recorder: &dyn Recorder) {
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        let text = "Of \"what\" it\nis.".into();
        recorder.describe_histogram("a.time".into(), Some(Unit::Seconds), text);
        recorder.describe_histogram("never.seen".into(), None, "Nothing.".into());
        let label = Label::new("model.name", "a\"b\\c");
        let key = Key::from_parts("a.time", vec![label]);
        for value in [0.0, 0.005, 0.01, 0.25, 1.0, 1.5, 64.0, 64.5, 1e9] {
            recorder.register_histogram(&key, &metadata).record(value);
        }
    }

    #[test]
    fn the_page_is_the_same_as_the_exporters() {
        let exporter = || {
            let builder = PrometheusBuilder::new().with_recommended_naming(true);
            builder.set_buckets(&BOUNDS).unwrap().build_recorder()
        };
        let plain = exporter();
        measure(&plain);
        let histograms = Histograms::new(|_| &BOUNDS);
        measure(&histograms.over(exporter()));
        assert_eq!(histograms.render(), plain.handle().render());
        assert!(histograms.render().contains("a_time_seconds_bucket"));
    }
}
